"""Small tokenizers of every kind, and text that is hard on offsets."""

from functools import cache
from typing import Any

from hypothesis import strategies as st

from distil.framework.models.section import TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer

_TEXTS = [
    "Пётр Ильич Чайковский родился в Воткинске, а Йозеф Гайдн — в Рорау.",
    "Где родился композитор? Ёлка, йод, чай и майка: всё это слова.",
    "The quick brown fox jumps over the lazy dog, isn't it?",
] * 3
KINDS: dict[str, dict[str, Any]] = {
    "wordpiece": {"kind": "wordpiece", "vocab_size": 150},
    "wordpiece uncased": {"kind": "wordpiece", "vocab_size": 120, "lower_case": True, "strip_accents": True},
    "byte-level bpe": {"kind": "bpe", "vocab_size": 300},
    "unigram": {"kind": "unigram", "vocab_size": 90},
}


@cache
def tokenizer(kind: str) -> Any:
    """A tokenizer of one of `KINDS`."""
    return train_tokenizer(TrainedTokenizer(**KINDS[kind]), _TEXTS)


HARD = [
    "Пётр",
    "пе\u0308тр",
    "Йод",
    "и\u0306од",
    "\ufeff",
    " ",
    "\n\t",
    "\u00a0",
    "👩‍🎓",
    "e\u0301",
    "чай",
    "Ёж",
    "ab",
    ".",
    "—",
    "«да»",
    "中文",
]
texts = st.lists(st.one_of(st.sampled_from(HARD), st.text(max_size=4)), min_size=1, max_size=30).map(" ".join)
contexts = texts.filter(lambda text: any(not character.isspace() for character in text))
