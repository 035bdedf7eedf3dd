"""The tokens of questions and contexts, as a tokenizer joins the two; each context is tokenised once."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.offsets import cover
from distil.framework.segments import Ints, bounds

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Special = list[tuple[int, int]]  # special tokens: id and token type


@dataclass(frozen=True)
class Frame:
    """What a tokenizer puts around a question and a context. types: token types of the two."""

    before: Special
    between: Special
    after: Special
    types: tuple[int, int]

    @property
    def size(self) -> int:
        """How many special tokens there are."""
        return len(self.before) + len(self.between) + len(self.after)

    def place_of(self, number: int | None, questions: Ints, contexts: Ints) -> NDArray[np.int32]:
        """The place of the first special token with this id where the two have so many tokens [N]; 0 if there is none."""
        begins = np.zeros_like(questions)
        for special, after in ((self.before, questions), (self.between, contexts), (self.after, 0)):
            for place, (found, _) in enumerate(special):
                if found == number:
                    return (begins + place).astype(np.int32)
            begins = begins + len(special) + after
        return np.zeros(len(questions), np.int32)


@dataclass(frozen=True)
class PairTokens:
    """Tokens of E questions and of their U different contexts, the former cut to their greatest length.

    questions: [E + 1], question e has the tokens questions[e] : questions[e + 1] of question_ids; contexts: [U + 1], the same
    of context_ids and context_offsets [T, 2]; texts: the contexts; context: [E], which one is a question's.
    """

    questions: Ints
    question_ids: NDArray[np.int32]
    texts: Sequence[str]
    context: Ints
    contexts: Ints
    context_ids: NDArray[np.int32]
    context_offsets: NDArray[np.int32]
    frame: Frame


def tokens_of(
    tokenizer: "PreTrainedTokenizerFast", questions: Sequence[str], contexts: Sequence[str], most: int
) -> PairTokens:
    """The tokens of some questions, each about the context beside it; of a question at most about `most` are kept."""
    numbers = {text: number for number, text in enumerate(dict.fromkeys(contexts))}
    texts = list(numbers)
    short, asked = shortened(tokenizer, questions, most)
    pairs = tokenizer(short[:1] * len(texts), texts, verbose=False).encodings
    shown = [np.flatnonzero(_sequence(pair) == 1) for pair in pairs]
    # A question and a context with tokens, if there are any, show what comes before, between and after them.
    asking = next((question for question, ids in zip(short, asked, strict=True) if ids), short[0])
    telling = next((text for text, places in zip(texts, shown, strict=True) if len(places)), texts[0])
    return PairTokens(
        questions=bounds(np.asarray([len(ids) for ids in asked], np.int64)),
        question_ids=np.fromiter(chain.from_iterable(asked), np.int32),
        texts=texts,
        context=np.asarray([numbers[text] for text in contexts], np.int64),
        contexts=bounds(np.asarray([len(places) for places in shown], np.int64)),
        context_ids=np.concatenate([np.asarray(pair.ids, np.int32)[at] for pair, at in zip(pairs, shown, strict=True)]),
        context_offsets=np.concatenate(
            [np.asarray(pair.offsets, np.int32).reshape(-1, 2)[at] for pair, at in zip(pairs, shown, strict=True)]
        ),
        frame=_frame(tokenizer([asking], [telling], verbose=False).encodings[0]),
    )


def _frame(pair: Any) -> Frame:
    sequence, ids, types = _sequence(pair), pair.ids, pair.type_ids
    question, context = np.flatnonzero(sequence == 0), np.flatnonzero(sequence == 1)
    special = np.flatnonzero(np.isnan(sequence)).tolist()
    begin = question[0] if len(question) else 0
    middle = context[0] if len(context) else len(ids)

    def between(low: int, high: int) -> Special:
        return [(ids[place], types[place]) for place in special if low <= place < high]

    return Frame(
        before=between(0, begin),
        between=between(begin, middle),
        after=between(middle, len(ids)),
        types=(types[question[0]] if len(question) else 0, types[context[0]] if len(context) else 0),
    )


def _sequence(pair: Any) -> NDArray[np.float32]:
    """Of each token 0 for the question's and 1 for the context's; nan for special ones."""
    return np.asarray(pair.sequence_ids, np.float32)


def shortened(
    tokenizer: "PreTrainedTokenizerFast", questions: Sequence[str], most: int
) -> tuple[list[str], list[list[int]]]:
    """The questions without leading white space, cut after `most` tokens, and their tokens; a letter cut in two is left
    out."""
    stripped = [question.lstrip() for question in questions]
    found = tokenizer(stripped, add_special_tokens=False, verbose=False).encodings
    short = [
        question if len(tokens) <= most else _cut(question, np.asarray(tokens.offsets, np.int32), most)
        for question, tokens in zip(stripped, found, strict=True)
    ]
    ids = [tokens.ids for tokens in found]
    cut = [number for number, (question, whole) in enumerate(zip(short, stripped, strict=True)) if question != whole]
    if cut:
        again = tokenizer([short[number] for number in cut], add_special_tokens=False, verbose=False).encodings
        for number, tokens in zip(cut, again, strict=True):
            ids[number] = tokens.ids
    return short, ids


def _cut(question: str, offsets: NDArray[np.int32], most: int) -> str:
    spans = cover([question], offsets, np.asarray([0, len(offsets)])).spans
    return question[: min(int(spans[most - 1, 1]), int(spans[most, 0]))]
