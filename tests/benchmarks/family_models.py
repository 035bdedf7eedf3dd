"""Tiny models of any family of transformers, and tokenizers of the classes that belong to them."""

import inspect
import json
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import Any

from distil.framework.data.section import Data
from distil.framework.models.section import TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer
from tests.questions import load

DATA = {
    "source": {"kind": "synthetic", "examples": {"train": 8, "validation": 4}, "facts": 6, "fillers": 1},
    "splits": {"train": "train", "dev": "validation"},
}
POSITIONS = 160

# Classes that stand for others, which need further packages; Herbert's is XLM's, made fast.
_NEAREST = {"roformer": "BertTokenizer", "flaubert": "HerbertTokenizer", "xlm": "HerbertTokenizer"}

# Fields that make a model small, by the names that configurations have for them.
_SIZES: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "dim", "emb_dim", "embedding_size", "d_embed"), 32),
    **dict.fromkeys(("num_hidden_layers", "num_layers", "n_layer", "n_layers", "encoder_layers", "decoder_layers"), 2),
    **dict.fromkeys(("num_decoder_layers", "n_head", "n_heads", "num_attention_heads", "num_heads"), 2),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads", "num_key_value_heads"), 2),
    **dict.fromkeys(("intermediate_size", "hidden_dim", "d_inner", "d_ff", "feed_forward_size", "n_inner"), 64),
    **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim", "ffn_dim", "moe_intermediate_size"), 64),
    **dict.fromkeys(("shared_expert_intermediate_size",), 64),
    **dict.fromkeys(("head_dim", "d_head", "d_kv", "attention_head_size"), 16),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"), POSITIONS),
    **dict.fromkeys(("num_local_experts", "num_experts"), 2),
}


def tiny_fields(architecture: str, **fields: Any) -> dict[str, Any]:
    """The fields of a recipe's `config` for a tiny model of an architecture. fields: what it needs besides."""
    from transformers import AutoConfig

    known = AutoConfig.for_model(architecture)
    names = set(known.to_dict()) - set(getattr(known, "attribute_map", {}))
    return {name: size for name, size in _SIZES.items() if name in names} | fields


@cache
def texts() -> tuple[str, ...]:
    """The texts of the recipes' questions."""
    splits = load(Data.model_validate(DATA))
    return tuple(
        text for split in splits.values() for example in split.examples for text in (example.context, example.question)
    )


def natural_tokenizer(architecture: str) -> Any:
    """A small tokenizer, learnt from `texts`, of the class that transformers has for an architecture.

    Where it has none of its own, one as Llama's: byte-level BPE that puts <s> before a text.
    """
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name

    name = _NEAREST.get(architecture, TOKENIZER_MAPPING_NAMES.get(architecture))
    made = tokenizer_class_from_name(name) if name not in (None, "TokenizersBackend") else None
    if made is None:
        return llama_like()
    parameters = inspect.signature(made.__init__).parameters
    if "vocab" in parameters:
        return with_pieces(made, **({"tags_dict": {}} if "tags_dict" in parameters else {}))
    files = [name for name in parameters if name.endswith("_file")]
    return _from_files(made, files) if files else made()


def with_pieces(made: Any, **needed: Any) -> Any:
    """A tokenizer of the class `made` that has learnt from `texts`. needed: what the class wants besides."""
    made = partial(made, **needed)
    kind = {"WordPiece": "wordpiece", "BPE": "bpe", "Unigram": "unigram"}[type(made().backend_tokenizer.model).__name__]
    special = _special(made)
    learnt = _learnt(kind)
    if kind == "unigram":
        unknown = next(number for number, token in enumerate(special) if token.lower() in ("<unk>", "[unk]"))
        return made(vocab=[*((token, 0.0) for token in special), *learnt["vocab"]], unk_id=unknown)
    tokens = {token: number for number, token in enumerate([*special, *learnt["vocab"]])}
    if kind == "wordpiece":
        return made(vocab=tokens)
    return made(vocab=tokens, merges=learnt["merges"])


def llama_like() -> Any:
    """Byte-level BPE that puts <s> before a text, and nothing between two."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    learnt = _learnt("bpe")
    special = ["<unk>", "<s>", "</s>", "<pad>"]
    tokens = {token: number for number, token in enumerate([*special, *learnt["vocab"]])}
    backend = Tokenizer(models.BPE(vocab=tokens, merges=learnt["merges"]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B:1", special_tokens=[("<s>", 1)]
    )
    parts = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **parts)


def saved_model(folder: Path, architecture: str, model_class: Any, **fields: Any) -> Path:
    """A tiny pretrained model in `folder`, as the hub has them: random weights without a task's head, natural tokenizer.

    model_class: the Auto class of the weights, such as AutoModel.
    """
    import torch
    from transformers import AutoConfig

    tokenizer = natural_tokenizer(architecture)
    numbers = {
        f"{part}_id": getattr(tokenizer, f"{part}_id", None)
        for part in ("pad_token", "bos_token", "eos_token", "cls_token", "sep_token")
    }
    config = AutoConfig.for_model(
        architecture,
        **{
            "vocab_size": len(tokenizer),
            **numbers,
            **({"decoder_start_token_id": tokenizer.pad_token_id} if architecture.endswith("t5") else {}),
            **({"architectures": ["FunnelModel"]} if architecture == "funnel" else {}),
            **tiny_fields(architecture),
            **fields,
        },
    )
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        try:
            model_class.from_config(config).save_pretrained(folder)
        except ImportError:  # of a package that is not here: there are no weights then
            config.save_pretrained(folder)
    return folder


def _from_files(made: Any, names: list[str]) -> Any:
    """A tokenizer of a class that reads a vocabulary and what else it wants from files."""
    learnt = _learnt("bpe")
    special = ["<s>", "</s>", "<pad>", "<unk>", "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocab = {token: number for number, token in enumerate([*special, *learnt["vocab"]])}
    words = {"vocab_file": "".join(f"{token}\n" for token in vocab)}
    numbers = json.dumps(dict.fromkeys(vocab, 0))
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / name for name in names}
        for name, path in files.items():
            path.write_text(words.get(name, numbers), encoding="utf-8")
        return made(**{name: str(path) for name, path in files.items()})


def _special(made: Any) -> list[str]:
    """The special tokens of a class, padding first."""
    empty = made()
    found = [str(token) for token in empty.all_special_tokens]
    pad = str(empty.pad_token) if empty.pad_token is not None else None
    more = ["<unk>"] if "<unk>" not in found and "[UNK]" not in found else []
    return sorted(dict.fromkeys([*found, *more]), key=lambda token: token != pad)


@cache
def _learnt(kind: str) -> dict[str, Any]:
    """The pieces and merges that a tokenizer of a kind learns from `texts`, without special tokens."""
    size = {"wordpiece": 500, "bpe": 600, "unigram": 300}[kind]
    settings = TrainedTokenizer.model_validate({"kind": kind, "vocab_size": size})
    model = json.loads(train_tokenizer(settings, texts()).backend_tokenizer.to_str())["model"]
    if kind == "unigram":
        return {"vocab": [tuple(entry) for entry in model["vocab"] if not entry[0].startswith("[")]}
    vocab = [token for token in model["vocab"] if not (token.startswith("[") and token.endswith("]"))]
    return {"vocab": vocab, "merges": [tuple(pair) for pair in model.get("merges", [])]}
