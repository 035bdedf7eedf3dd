"""Tokenizers as other people's models have them: every model, pre-tokenizer and normaliser that offsets depend on."""

from collections.abc import Callable
from functools import cache
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from tests.tokenizing import HARD

_SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]
_TEXTS = [
    *HARD,
    "Пётр Ильич Чайковский родился в Воткинске в 1840 году, а Йозеф Гайдн — в Рорау.",
    "The quick brown fox jumps over the lazy dog, isn't it? (998)",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ abcdefghijklmnopqrstuvwxyz 0123456789",
] * 2


def _wrapped(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>"
    )


def _pairs(tokenizer: Tokenizer) -> Any:
    return processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> $B:1 </s>:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")],
    )


def byte_level(
    *before: Any, prefix: bool = True, trims: bool | None = True, processor_prefix: bool = True
) -> PreTrainedTokenizerFast:
    """A byte-level BPE behind other pre-tokenizers. trims: whether RoBERTa's post-processor trims; None: another one."""
    tokenizer = Tokenizer(models.BPE())
    level = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*before, level]) if before else level
    _train(tokenizer, trainers.BpeTrainer, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), vocab_size=420)
    if trims is None:
        tokenizer.post_processor = _pairs(tokenizer)
    else:
        ends = ("</s>", tokenizer.token_to_id("</s>")), ("<s>", tokenizer.token_to_id("<s>"))
        tokenizer.post_processor = processors.RobertaProcessing(
            *ends, trim_offsets=trims, add_prefix_space=processor_prefix
        )
    return _wrapped(tokenizer)


def _other(model: Any, trainer: Any, pre_tokenizer: Any, normalizer: Any = None, **options: Any) -> Any:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    _train(tokenizer, trainer, **options)
    tokenizer.post_processor = _pairs(tokenizer)
    return _wrapped(tokenizer)


def _train(tokenizer: Tokenizer, trainer: Any, more: list[str] | None = None, **options: Any) -> None:
    settings = {"vocab_size": 400, "special_tokens": [*_SPECIAL, *(more or [])], "show_progress": False, **options}
    if trainer is trainers.WordLevelTrainer:
        settings["vocab_size"] = 60
    tokenizer.train_from_iterator(_TEXTS, trainer(**settings))


_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
_BERT = pre_tokenizers.BertPreTokenizer()
_NMT = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])

BUILT: dict[str, Callable[[], Any]] = {
    "byte-level": lambda: byte_level(),
    "byte-level, no prefix": lambda: byte_level(prefix=False, processor_prefix=False),
    "byte-level, prefix in one place only": lambda: byte_level(processor_prefix=False),
    "byte-level, not trimmed": lambda: byte_level(trims=False),
    "Whitespace, byte-level": lambda: byte_level(pre_tokenizers.Whitespace()),
    "Whitespace, byte-level, not trimmed": lambda: byte_level(pre_tokenizers.Whitespace(), trims=None),
    "WhitespaceSplit, byte-level": lambda: byte_level(pre_tokenizers.WhitespaceSplit()),
    "Digits, byte-level": lambda: byte_level(pre_tokenizers.Digits(individual_digits=True)),
    "Punctuation, byte-level": lambda: byte_level(pre_tokenizers.Punctuation()),
    "Split, byte-level": lambda: byte_level(pre_tokenizers.Split(Regex("."), "isolated")),
    "UnicodeScripts, Digits, byte-level": lambda: byte_level(pre_tokenizers.UnicodeScripts(), pre_tokenizers.Digits()),
    "WordPiece": lambda: _other(models.WordPiece(unk_token="<unk>"), trainers.WordPieceTrainer, _BERT),
    "WordPiece, BERT": lambda: _other(
        models.WordPiece(unk_token="<unk>"), trainers.WordPieceTrainer, _BERT, normalizers.BertNormalizer()
    ),
    "CharBPE": lambda: _other(
        models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"),
        trainers.BpeTrainer,
        _BERT,
        normalizers.BertNormalizer(lowercase=False),
        end_of_word_suffix="</w>",
    ),
    "BPE, bytes for the unknown": lambda: _other(
        models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True),
        trainers.BpeTrainer,
        pre_tokenizers.Split("▁", "merged_with_next"),
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        more=_BYTES,
    ),
    "Unigram, Metaspace": lambda: _other(
        models.Unigram(), trainers.UnigramTrainer, pre_tokenizers.Metaspace(), _NMT, unk_token="<unk>"
    ),
    "Unigram, WhitespaceSplit, Metaspace": lambda: _other(
        models.Unigram(),
        trainers.UnigramTrainer,
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]),
        normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]),
        unk_token="<unk>",
    ),
    "WordLevel": lambda: _other(
        models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer, pre_tokenizers.Whitespace(), normalizers.NFC()
    ),
}


@cache
def built(name: str) -> Any:
    """A tokenizer of one of `BUILT`."""
    return BUILT[name]()
