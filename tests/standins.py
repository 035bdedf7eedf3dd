"""Tiny random stand-ins for the hub repositories that shipped recipes name, laid out as the hub's own cache.

Ids, file names, tokenizer kinds, casing and columns are those of the hub; sizes, weights and texts are not.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from framework.data.example import Example
from framework.data.load import load_data
from framework.data.section import Data
from framework.models.section import TrainedTokenizer
from framework.models.tokenizers import train_tokenizer

TEACHER = "ai-forever/ruBert-base"
STUDENT = "Geotrend/distilbert-base-ru-cased"
RUSSIAN_STUDENT = "DeepPavlov/distilrubert-base-cased-conversational"
LARGE_TEACHER = "ai-forever/ruBert-large"
BYTE_TEACHER = "ai-forever/ruRoberta-large"
WRITERS = {"ai-forever/ruT5": "t5", "google/mt5": "mt5"}  # of which there are -base and -large
DECODERS = ("ai-forever/rugpt3medium_based_on_gpt2", "ai-forever/rugpt3large_based_on_gpt2")
SBERQUAD = "kuznetsoffandrey/sberquad"

ROWS = {"train": 48, "validation": 16, "test": 8}

_CARD = """---
dataset_info:
  config_name: sberquad
configs:
- config_name: sberquad
  data_files:
  - split: train
    path: sberquad/train-*
  - split: validation
    path: sberquad/validation-*
  - split: test
    path: sberquad/test-*
  default: true
---
"""


def fill_cache(home: Path) -> None:
    """Put all stand-ins into the cache of a Hugging Face home folder (HF_HOME)."""
    splits = _paragraphs()
    texts = [text for example in splits["train"] for text in (example.context, example.question)]
    put_teacher(home, texts, TEACHER)
    put_teacher(home, texts, LARGE_TEACHER)
    put_byte_teacher(home, texts)
    for family, architecture in WRITERS.items():
        for size in ("base", "large"):
            put_writer(home, texts, f"{family}-{size}", architecture)
    for decoder in DECODERS:
        put_decoder(home, texts, decoder)
    put_student(home, texts)
    put_russian_student(home, texts)
    put_sberquad(home, splits)


def put_teacher(home: Path, texts: Iterable[str], id: str) -> None:
    """BERT with a mixed-case vocabulary, weights as a pickle, and no file that says how its tokenizer treats case."""
    from transformers import BertConfig, BertForMaskedLM

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    vocabulary = _vocabulary(texts, 900)
    model = _random(BertForMaskedLM, BertConfig(vocab_size=vocabulary.count("\n"), **sizes))
    with _Repository(home, "model", id) as files:
        files["config.json"] = _config(model)
        files["vocab.txt"] = vocabulary.encode()
        files["pytorch_model.bin"] = _pickled(model)


def put_byte_teacher(home: Path, texts: Iterable[str]) -> None:
    """RoBERTa with byte-level BPE as vocab.json and merges.txt, without a tokenizer.json, and weights as a pickle."""
    from transformers import RobertaConfig, RobertaForMaskedLM

    tokens, merges = _byte_pairs(texts, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = RobertaConfig(
        vocab_size=len(json.loads(tokens)),
        max_position_embeddings=514,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        **sizes,
    )
    model = _random(RobertaForMaskedLM, config)
    with _Repository(home, "model", BYTE_TEACHER) as files:
        files["config.json"] = _config(model)
        files["vocab.json"], files["merges.txt"] = tokens, merges
        files["pytorch_model.bin"] = _pickled(model)


def put_decoder(home: Path, texts: Iterable[str], id: str) -> None:
    """GPT-2 with byte-level BPE as vocab.json and merges.txt, without a padding token, and weights as a pickle."""
    from transformers import GPT2Config, GPT2LMHeadModel

    tokens, merges = _byte_pairs(texts, ["<pad>", "<s>", "</s>", "<unk>", "<mask>", "<|endoftext|>"])
    size = len(json.loads(tokens))
    end = dict.fromkeys(("bos_token_id", "eos_token_id"), json.loads(tokens)["<|endoftext|>"])
    model = _random(
        GPT2LMHeadModel, GPT2Config(vocab_size=size, n_positions=2048, n_embd=32, n_layer=2, n_head=2, **end)
    )
    with _Repository(home, "model", id) as files:
        files["config.json"] = _config(model)
        files["vocab.json"], files["merges.txt"] = tokens, merges
        files["pytorch_model.bin"] = _pickled(model)


def put_writer(home: Path, texts: Iterable[str], id: str, architecture: str) -> None:
    """T5 or mT5 with a SentencePiece model, without a tokenizer.json, and weights as a pickle."""
    import io

    import sentencepiece
    from transformers import AutoConfig, AutoModelForSeq2SeqLM

    learnt = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=learnt,
        vocab_size=500,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    config = AutoConfig.for_model(
        architecture, vocab_size=700, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0
    )
    model = _random(lambda of: AutoModelForSeq2SeqLM.from_config(of), config)
    with _Repository(home, "model", id) as files:
        files["config.json"] = _config(model)
        files["spiece.model"] = learnt.getvalue()
        files["special_tokens_map.json"] = json.dumps(
            {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
        ).encode()
        files["tokenizer_config.json"] = json.dumps({"tokenizer_class": "T5Tokenizer", "extra_ids": 0}).encode()
        files["pytorch_model.bin"] = _pickled(model)


def put_student(home: Path, texts: Iterable[str]) -> None:
    """DistilBERT with a cased tokenizer that says so, and weights as safetensors."""
    import safetensors.torch
    from transformers import DistilBertConfig, DistilBertForMaskedLM

    vocabulary = _vocabulary(texts, 600)
    sizes = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}
    model = _random(DistilBertForMaskedLM, DistilBertConfig(vocab_size=vocabulary.count("\n"), **sizes))
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with _Repository(home, "model", STUDENT) as files:
        files["config.json"] = _config(model)
        files["vocab.txt"] = vocabulary.encode()
        files["tokenizer_config.json"] = json.dumps({"do_lower_case": False, "model_max_length": 512}).encode()
        files["model.safetensors"] = safetensors.torch.save(weights, metadata={"format": "pt"})


def put_russian_student(home: Path, texts: Iterable[str]) -> None:
    """DistilBERT with a cased tokenizer of many tokens that no text has, weights as a pickle, and its hub's odd config."""
    from transformers import DistilBertConfig, DistilBertForMaskedLM

    vocabulary = _vocabulary(texts, 600) + "".join(f"[unused{number}]\n" for number in range(1, 100))
    sizes = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}
    model = _random(DistilBertForMaskedLM, DistilBertConfig(vocab_size=vocabulary.count("\n"), **sizes))
    config = {**json.loads(_config(model)), "output_attentions": True, "output_hidden_states": True}
    with _Repository(home, "model", RUSSIAN_STUDENT) as files:
        files["config.json"] = json.dumps(config).encode()
        files["vocab.txt"] = vocabulary.encode()
        files["tokenizer_config.json"] = json.dumps({"do_lower_case": False}).encode()
        files["pytorch_model.bin"] = _pickled(model)


def put_sberquad(home: Path, splits: dict[str, list[Example]]) -> None:
    """SberQuAD's columns and files. One training answer stands beside its place; the test answers are blank."""
    with _Repository(home, "dataset", SBERQUAD) as files:
        files["README.md"] = _CARD.encode()
        for number, (split, examples) in enumerate(splits.items()):
            rows = [_row(1000 * number + place, example, split) for place, example in enumerate(examples)]
            if split == "train":
                rows[0]["answers"]["answer_start"] = [rows[0]["answers"]["answer_start"][0] + 1]
            files[f"sberquad/{split}-00000-of-00001.parquet"] = _parquet(rows)


class _Repository:
    """Files of a repository, which go into the cache when the block ends: blobs, and a snapshot of links to them."""

    def __init__(self, home: Path, kind: str, id: str) -> None:
        self._folder = home / "hub" / f"{kind}s--{id.replace('/', '--')}"
        self._files: dict[str, bytes] = {}

    def __enter__(self) -> dict[str, bytes]:
        return self._files

    def __exit__(self, *_: object) -> None:
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in self._files.items()}
        commit = hashlib.sha1(json.dumps(digests).encode()).hexdigest()
        for name, content in self._files.items():
            blob = self._folder / "blobs" / digests[name]
            link = self._folder / "snapshots" / commit / name
            for path in (blob, link):
                path.parent.mkdir(parents=True, exist_ok=True)
            blob.write_bytes(content)
            link.symlink_to(blob)
        (self._folder / "refs").mkdir()
        (self._folder / "refs" / "main").write_text(commit)


def _paragraphs() -> dict[str, list[Example]]:
    """Generated questions; every fourth is about a paragraph that needs several windows of 384 tokens."""
    short = _generate({"persons": 1, "facts": 4}, {split: rows * 3 // 4 for split, rows in ROWS.items()})
    long = _generate({"persons": 4, "facts": 10, "fillers": 3}, {split: rows // 4 for split, rows in ROWS.items()})
    return {split: short[split] + long[split] for split in ROWS}


def _generate(difficulty: dict[str, int], rows: dict[str, int]) -> dict[str, list[Example]]:
    section = {"source": {"kind": "synthetic", "examples": rows, **difficulty}, "splits": {name: name for name in rows}}
    return {name: split.examples for name, split in load_data(Data.model_validate(section)).items()}


def _row(id: int, example: Example, split: str) -> dict[str, Any]:
    answers = [(answer.text, answer.start) for answer in example.answers or ()] if split != "test" else [("", -1)]
    texts, starts = zip(*answers, strict=True)
    return {
        "id": id,
        "title": "SberChallenge",
        "context": example.context,
        "question": example.question,
        "answers": {"text": list(texts), "answer_start": list(starts)},
    }


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    answers = pa.struct({"text": pa.list_(pa.string()), "answer_start": pa.list_(pa.int32())})
    texts = {name: pa.string() for name in ("title", "context", "question")}
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, pa.schema({"id": pa.int32(), **texts, "answers": answers})), buffer)
    return bytes(buffer.getvalue())


def _vocabulary(texts: Iterable[str], size: int) -> str:
    """A cased vocab.txt learnt from the texts."""
    tokens = train_tokenizer(TrainedTokenizer(kind="wordpiece", vocab_size=size), texts).get_vocab()
    return "".join(f"{token}\n" for token in sorted(tokens, key=tokens.__getitem__))


def _byte_pairs(texts: Iterable[str], special: list[str]) -> tuple[bytes, bytes]:
    """A vocab.json, special tokens first, and a merges.txt of byte-level BPE learnt from the texts."""
    learnt = json.loads(
        train_tokenizer(TrainedTokenizer(kind="bpe", vocab_size=700), texts).backend_tokenizer.to_str()
    )["model"]
    tokens = [*special, *(token for token in learnt["vocab"] if not token.startswith("["))]
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in learnt["merges"]]
    vocabulary = json.dumps({token: number for number, token in enumerate(tokens)})
    return vocabulary.encode(), "\n".join(["#version: 0.2", *merges]).encode()


def _random(model_class: Any, config: Any) -> Any:
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return model_class(config)


def _config(model: Any) -> bytes:
    return json.dumps({**model.config.to_diff_dict(), "architectures": [type(model).__name__]}).encode()


def _pickled(model: Any) -> bytes:
    import io

    import torch

    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    return buffer.getvalue()
