"""Tiny random stand-ins for the hub repositories that shipped recipes name, laid out as the hub's own cache.

Ids, file names, tokenizer kinds and casing are those of the hub; sizes and weights are not.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from distil.framework.models.section import TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer
from tests.hub_cache import Repository
from tests.standin_datasets import fill_datasets, training_texts

TEACHER = "ai-forever/ruBert-base"
STUDENT = "Geotrend/distilbert-base-ru-cased"
RUSSIAN_STUDENT = "DeepPavlov/distilrubert-base-cased-conversational"
DEEP_STUDENT = "microsoft/Multilingual-MiniLM-L12-H384"
TINY_STUDENT = "cointegrated/rubert-tiny2"
LARGE_TEACHER = "ai-forever/ruBert-large"
BYTE_TEACHER = "ai-forever/ruRoberta-large"
WRITERS = {"ai-forever/ruT5": "t5", "google/mt5": "mt5"}  # of which there are -base and -large
DECODERS = ("ai-forever/rugpt3medium_based_on_gpt2", "ai-forever/rugpt3large_based_on_gpt2")

# Recipes that go further than the paper; those whose student is made of layers that the stand-in has not take its last.
BEYOND = ("teacher_layers", "hidden_states", "deep_thin", "more_questions", "smaller_student", "larger_student")
TEACHER_LAYERS = {name: ["student.model.layers=[1]"] for name in ("teacher_layers", "hidden_states")}


def fill_cache(home: Path) -> None:
    """Put all stand-ins into the cache of a Hugging Face home folder (HF_HOME)."""
    texts = training_texts()
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
    put_deep_student(home, texts)
    put_tiny_student(home, texts)
    fill_datasets(home)


def put_teacher(home: Path, texts: Iterable[str], id: str) -> None:
    """BERT with a mixed-case vocabulary, weights as a pickle, and no file that says how its tokenizer treats case."""
    from transformers import BertConfig, BertForMaskedLM

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    vocabulary = _vocabulary(texts, 900)
    model = _random(BertForMaskedLM, BertConfig(vocab_size=vocabulary.count("\n"), **sizes))
    with Repository(home, "model", id) as files:
        files["config.json"] = _config(model)
        files["vocab.txt"] = vocabulary.encode()
        files["pytorch_model.bin"] = _pickled(model)


def put_byte_teacher(home: Path, texts: Iterable[str], id: str = BYTE_TEACHER) -> None:
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
    with Repository(home, "model", id) as files:
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
    with Repository(home, "model", id) as files:
        files["config.json"] = _config(model)
        files["vocab.json"], files["merges.txt"] = tokens, merges
        files["pytorch_model.bin"] = _pickled(model)


def put_language_model(home: Path, texts: Iterable[str], id: str, architecture: str, size: int) -> None:
    """A decoder of today, with byte-level BPE of up to `size` tokens as a tokenizer.json, and weights as safetensors."""
    import safetensors.torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = train_tokenizer(TrainedTokenizer(kind="bpe", vocab_size=size), texts)
    special = {"eos_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "intermediate_size": 64,
    }
    ends = {
        "eos_token_id": tokenizer.convert_tokens_to_ids("[SEP]"),
        "pad_token_id": tokenizer.convert_tokens_to_ids("[PAD]"),
    }
    config = AutoConfig.for_model(architecture, vocab_size=len(tokenizer), bos_token_id=None, **sizes, **ends)
    model = _random(AutoModelForCausalLM.from_config, config)
    with Repository(home, "model", id) as files:
        files["config.json"] = _config(model)
        files["tokenizer.json"] = tokenizer.backend_tokenizer.to_str().encode()
        files["tokenizer_config.json"] = json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **special}).encode()
        tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        files["model.safetensors"] = safetensors.torch.save(tensors, metadata={"format": "pt"})


def put_writer(home: Path, texts: Iterable[str], id: str, architecture: str) -> None:
    """T5 or mT5 with a SentencePiece model, without a tokenizer.json, and weights as a pickle."""
    from transformers import AutoConfig, AutoModelForSeq2SeqLM

    pieces = _pieces(texts, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    config = AutoConfig.for_model(
        architecture, vocab_size=700, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0
    )
    model = _random(lambda of: AutoModelForSeq2SeqLM.from_config(of), config)
    with Repository(home, "model", id) as files:
        files["config.json"] = _config(model)
        files["spiece.model"] = pieces
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
    with Repository(home, "model", STUDENT) as files:
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
    with Repository(home, "model", RUSSIAN_STUDENT) as files:
        files["config.json"] = json.dumps(config).encode()
        files["vocab.txt"] = vocabulary.encode()
        files["tokenizer_config.json"] = json.dumps({"do_lower_case": False}).encode()
        files["pytorch_model.bin"] = _pickled(model)


def put_deep_student(home: Path, texts: Sequence[str]) -> None:
    """BERT with XLM-R's tokenizer as a SentencePiece model, named in config.json alone, and weights as a pickle.

    It has tokens that no text needs and rows of the embedding without a token; the padding in config.json is not the
    tokenizer's.
    """
    from transformers import BertConfig, BertForMaskedLM

    more = [text.upper() for text in texts]
    pieces = _pieces([*texts, *more], unk_id=0, bos_id=1, eos_id=2)
    sizes = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48}
    model = _random(BertForMaskedLM, BertConfig(vocab_size=600, pad_token_id=0, **sizes))
    config = {**json.loads(_config(model)), "tokenizer_class": "XLMRobertaTokenizer"}
    special = {
        "bos": "<s>",
        "eos": "</s>",
        "unk": "<unk>",
        "sep": "</s>",
        "pad": "<pad>",
        "cls": "<s>",
        "mask": "<mask>",
    }
    with Repository(home, "model", DEEP_STUDENT) as files:
        files["config.json"] = json.dumps(config).encode()
        files["sentencepiece.bpe.model"] = pieces
        files["special_tokens_map.json"] = json.dumps(
            {f"{name}_token": token for name, token in special.items()}
        ).encode()
        files["tokenizer_config.json"] = b"{}"
        files["pytorch_model.bin"] = _pickled(model)


def put_tiny_student(home: Path, texts: Iterable[str]) -> None:
    """BERT of 3 layers with a cased tokenizer.json, and weights as safetensors."""
    import safetensors.torch
    from transformers import BertConfig, BertForPreTraining

    tokenizer = train_tokenizer(TrainedTokenizer(kind="wordpiece", vocab_size=600), texts)
    sizes = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 48}
    model = _random(BertForPreTraining, BertConfig(vocab_size=len(tokenizer), **sizes))
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with Repository(home, "model", TINY_STUDENT) as files:
        files["config.json"] = _config(model)
        files["tokenizer.json"] = tokenizer.backend_tokenizer.to_str().encode()
        files["tokenizer_config.json"] = json.dumps({"do_lower_case": False, "model_max_length": 2048}).encode()
        files["model.safetensors"] = safetensors.torch.save(weights, metadata={"format": "pt"})


def _vocabulary(texts: Iterable[str], size: int) -> str:
    """A cased vocab.txt learnt from the texts."""
    tokens = train_tokenizer(TrainedTokenizer(kind="wordpiece", vocab_size=size), texts).get_vocab()
    return "".join(f"{token}\n" for token in sorted(tokens, key=tokens.__getitem__))


def _pieces(texts: Iterable[str], **special: int) -> bytes:
    """A SentencePiece model learnt from the texts. special: numbers of special tokens."""
    import io

    import sentencepiece

    learnt = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=learnt,
        vocab_size=500,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
        **special,
    )
    return learnt.getvalue()


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
