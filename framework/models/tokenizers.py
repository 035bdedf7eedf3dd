"""Tokenizers: loaded from files, or trained on the run's own text."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.errors import ModelError
from framework.models.build import read_config
from framework.models.section import PretrainedTokenizer, TrainedTokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def load_tokenizer(folder: Path, settings: PretrainedTokenizer | None = None) -> "PreTrainedTokenizerFast":
    """The tokenizer in `folder`, with the settings' overrides. Raises ModelError if it is missing or slow."""
    from transformers import AutoTokenizer

    lower_case = settings.lower_case if settings is not None else None
    options = {} if lower_case is None else {"do_lower_case": lower_case}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, **options)
    except Exception as error:  # transformers raises whatever its parsers raise
        raise ModelError(f"no usable tokenizer in {folder}: {str(error).strip().splitlines()[0][:300]}") from None
    if not tokenizer.is_fast:
        raise ModelError(
            f"the tokenizer {type(tokenizer).__name__} in {folder} is a slow one: it cannot tell which characters its "
            "tokens cover; use a model with a fast tokenizer (a tokenizer.json)"
        )
    if lower_case is not None:
        _set_lower_case(tokenizer, lower_case, folder)
    return tokenizer


def load_model_tokenizer(folder: Path) -> "PreTrainedTokenizerFast":
    """The tokenizer saved beside a model, giving the inputs that this model takes. Raises ModelError."""
    tokenizer = load_tokenizer(folder)
    fit_to_model(tokenizer, read_config(folder))
    return tokenizer


def fit_to_model(tokenizer: "PreTrainedTokenizerFast", config: Any) -> None:
    """Let the tokenizer give token types only to models that have them. Raises ModelError if the two do not fit."""
    if len(tokenizer) > config.vocab_size:
        raise ModelError(
            f"the tokenizer has {len(tokenizer)} tokens and the model only {config.vocab_size}; use the tokenizer that "
            "the model was trained with"
        )
    if tokenizer.pad_token_id is None:
        raise ModelError("the tokenizer has no padding token; use one that has")
    types = ["token_type_ids"] if getattr(config, "type_vocab_size", 0) > 1 else []
    tokenizer.model_input_names = ["input_ids", *types, "attention_mask"]


def train_tokenizer(settings: TrainedTokenizer, texts: Iterable[str]) -> "PreTrainedTokenizerFast":
    """A tokenizer of at most `vocab_size` tokens learnt from `texts`, with BERT's special tokens and pair format."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    common: dict[str, Any] = {"special_tokens": _SPECIAL, "vocab_size": settings.vocab_size, "show_progress": False}
    casing = [normalizers.Lowercase()] if settings.lower_case else []
    accents = [normalizers.NFD(), normalizers.StripAccents()] if settings.strip_accents else []
    if settings.kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(
            lowercase=settings.lower_case, strip_accents=settings.strip_accents
        )
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer: Any = trainers.WordPieceTrainer(**common)
    elif settings.kind == "bpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **common)
    else:
        tokenizer = Tokenizer(models.Unigram())
        one_space = normalizers.Replace(Regex(r"\s+"), " ")
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), one_space, *casing, *accents])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(unk_token="[UNK]", **common)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def _set_lower_case(tokenizer: "PreTrainedTokenizerFast", lower_case: bool, folder: Path) -> None:
    """Make sure that the normaliser itself does as told: not every tokenizer class passes the option on."""
    from tokenizers import normalizers

    backend = tokenizer.backend_tokenizer
    state = json.loads(backend.normalizer.__getstate__()) if backend.normalizer is not None else {}
    if state.get("type") != "BertNormalizer":
        raise ModelError(
            f"the tokenizer in {folder} has no BERT normaliser whose `lower_case` could be set; drop that option"
        )
    if state["lowercase"] != lower_case:
        del state["type"]
        backend.normalizer = normalizers.BertNormalizer(**{**state, "lowercase": lower_case})
