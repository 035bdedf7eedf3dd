"""A tokenizer with only the tokens that some texts need, and a model without the others (Abdaoui et al., arXiv 2010.05609). On these
texts tokens and outputs stay the same."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from distil.framework.data.example import Example
from distil.framework.data.features import WindowSettings
from distil.framework.errors import ModelError
from distil.framework.models.bounds import count_parameters
from distil.framework.models.build import save_model
from distil.framework.models.copies import copy_rows
from distil.framework.models.tokenizers import fit_to_model, load_tokenizer
from distil.framework.predictors.logits import LogitsPredictor, logits_predictor
from distil.framework.tasks.base import InferenceConfig, Task

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from transformers import PreTrainedConfig, PreTrainedTokenizerFast

_CHUNK = 512  # texts tokenised at once
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")  # how SentencePiece writes the bytes of what it cannot spell otherwise
_COMPARED = 4  # questions on which what the model says is compared
_TOLERANCE = 1e-4  # of logits


def trim_tokenizer(
    tokenizer: "PreTrainedTokenizerFast", texts: Sequence[str], named: Iterable[int], folder: Path
) -> "PreTrainedTokenizerFast":
    """Save in `folder` a copy of the tokenizer that has no token which the texts do not need, and load it again.

    What is left keeps its order. Kept as well are special and added tokens, those with the numbers `named`, and single
    characters or bytes, so that other texts can still be spelt. Raises ModelError for a tokenizer that is no WordPiece,
    BPE or Unigram one, or whose class does not take the smaller vocabulary as it is.
    """
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    state = json.loads(backend.to_str())
    kind = state["model"]["type"]
    if kind not in _NEEDED:
        raise ModelError(
            f"student.trim: the tokenizer of {tokenizer.name_or_path} is of type {kind}, but only the vocabulary of a WordPiece, "
            "BPE or Unigram tokenizer can be trimmed; drop `trim`"
        )
    model, known = state["model"], tokenizer.get_vocab()
    seen = {token for encoding in _encodings(backend, texts) for token in encoding.tokens} & set(known)
    kept = _NEEDED[kind](model, seen)
    if kind == "WordPiece" and model["unk_token"] in seen:
        kept |= set(_tried(model, backend, texts))
    kept |= {token["content"] for token in state["added_tokens"]}
    kept |= set(tokenizer.convert_ids_to_tokens(sorted(named))) & set(known)
    numbers = {token: number for number, token in enumerate(sorted(kept, key=lambda token: known[token]))}
    tokenizer.save_pretrained(str(folder))
    (folder / "tokenizer.json").write_text(
        json.dumps(_renumbered(state, numbers), ensure_ascii=False), encoding="utf-8"
    )
    trimmed = load_tokenizer(folder)
    _check(tokenizer, trimmed, numbers, texts)
    return trimmed


def _wordpiece(model: dict[str, Any], seen: set[str]) -> set[str]:
    prefix = model["continuing_subword_prefix"]
    letters = {piece for piece in model["vocab"] if len(piece.removeprefix(prefix)) == 1}
    return seen | letters | {model["unk_token"]}


def _tried(model: dict[str, Any], backend: "Tokenizer", texts: Sequence[str]) -> Iterator[str]:
    """The pieces of unknown words that are found before one is not: without them, another spelling might be found."""
    for text, encoding in zip(texts, _encodings(backend, texts), strict=True):
        if model["unk_token"] in encoding.tokens:
            for word in _words(backend, text):
                if len(word) <= model["max_input_chars_per_word"]:  # longer ones are never looked at
                    yield from _greedy(word, model["vocab"], model["continuing_subword_prefix"])


def _words(backend: "Tokenizer", text: str) -> Iterator[str]:
    normal = text if backend.normalizer is None else backend.normalizer.normalize_str(text)
    cut = [(normal, None)] if backend.pre_tokenizer is None else backend.pre_tokenizer.pre_tokenize_str(normal)
    yield from (word for word, _ in cut)


def _greedy(word: str, vocab: dict[str, int], prefix: str) -> Iterator[str]:
    """The longest pieces of a word from its left, up to where there is none."""
    start = 0
    while start < len(word):
        ends = range(len(word), start, -1)
        end = next((end for end in ends if _piece(word, start, end, prefix) in vocab), None)
        if end is None:
            return
        yield _piece(word, start, end, prefix)
        start = end


def _piece(word: str, start: int, end: int, prefix: str) -> str:
    return (prefix if start else "") + word[start:end]


def _bpe(model: dict[str, Any], seen: set[str]) -> set[str]:
    """Every way to make a token is kept, so that no merge of the texts is missing."""
    made: dict[str, list[tuple[str, str]]] = {}
    for parts in _merges(model):
        made.setdefault(_merged(model, *parts), []).append(parts)
    kept, new = {token for token in model["vocab"] if token not in made}, set(seen)
    while new:
        kept |= new
        new = {part for token in new for parts in made.get(token, ()) for part in parts} - kept
    return kept


def _merges(model: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Older files have a merge as one text."""
    for merge in model["merges"]:
        first, second = merge.split(" ") if isinstance(merge, str) else merge
        yield first, second


def _merged(model: dict[str, Any], first: str, second: str) -> str:
    return first + second.removeprefix(model["continuing_subword_prefix"] or "")


def _unigram(model: dict[str, Any], seen: set[str]) -> set[str]:
    letters = {piece for piece, _ in model["vocab"] if len(piece) == 1 or _BYTE.fullmatch(piece)}
    unknown = set() if model["unk_id"] is None else {model["vocab"][model["unk_id"]][0]}
    # The lowest score of all decides what an unknown character costs.
    lowest, _ = min(model["vocab"], key=lambda entry: entry[1])
    return seen | letters | unknown | {lowest}


# What each type of tokenizer needs to cut the texts as before, and to spell others.
_NEEDED: dict[str, Callable[[dict[str, Any], set[str]], set[str]]] = {
    "WordPiece": _wordpiece,
    "BPE": _bpe,
    "Unigram": _unigram,
}


def _renumbered(state: dict[str, Any], numbers: dict[str, int]) -> dict[str, Any]:
    """The contents of a tokenizer.json with only the tokens of `numbers`."""
    model = dict(state["model"])
    if model["type"] == "Unigram":
        unknown = None if model["unk_id"] is None else model["vocab"][model["unk_id"]][0]
        model["vocab"] = [entry for entry in model["vocab"] if entry[0] in numbers]
        model["unk_id"] = None if unknown is None else numbers[unknown]
    else:
        model["vocab"] = {token: number for token, number in numbers.items() if token in model["vocab"]}
    if model["type"] == "BPE":
        parts = [(first, second) for first, second in _merges(model) if {first, second} <= numbers.keys()]
        model["merges"] = [list(pair) for pair in parts if _merged(model, *pair) in numbers]
    added = [{**token, "id": numbers[token["content"]]} for token in state["added_tokens"]]
    return {
        **state,
        "model": model,
        "added_tokens": added,
        "post_processor": _processor(state["post_processor"], numbers),
    }


def _processor(processor: dict[str, Any] | None, numbers: dict[str, int]) -> dict[str, Any] | None:
    """A post-processor, or a sequence of such, that puts special tokens in by their new numbers."""
    if processor is None:
        return None
    result = dict(processor)
    if "processors" in result:
        result["processors"] = [_processor(one, numbers) for one in result["processors"]]
    if "special_tokens" in result:
        result["special_tokens"] = {
            name: {**token, "ids": [numbers[one] for one in token["tokens"]]}
            for name, token in result["special_tokens"].items()
        }
    for end in ("sep", "cls"):
        if end in result:
            result[end] = [result[end][0], numbers[result[end][0]]]
    return result


def _check(
    tokenizer: "PreTrainedTokenizerFast",
    trimmed: "PreTrainedTokenizerFast",
    numbers: dict[str, int],
    texts: Sequence[str],
) -> None:
    """Refuse a tokenizer whose class makes something else of its files than what they say. Raises ModelError."""
    before, after = (_encodings(one.backend_tokenizer, texts) for one in (tokenizer, trimmed))
    same = trimmed.get_vocab() == numbers and all(
        (one.tokens, one.offsets) == (other.tokens, other.offsets) for one, other in zip(before, after, strict=True)
    )
    if not same:
        raise ModelError(
            f"student.trim: a tokenizer of class {type(tokenizer).__name__} does not cut the texts into the same tokens with a "
            "smaller vocabulary; drop `trim`"
        )


def _encodings(backend: "Tokenizer", texts: Sequence[str]) -> "Iterator[Encoding]":
    for begin in range(0, len(texts), _CHUNK):
        yield from backend.encode_batch(list(texts[begin : begin + _CHUNK]), add_special_tokens=False)


def trim(
    source: Path, examples: Sequence[Example], task: Task, windows: WindowSettings, folder: Path
) -> dict[str, int]:
    """Save in `folder` the model in `source`, and its tokenizer, without the tokens that the examples do not need.

    In such features of the examples, tokens and outputs stay the same. Returns the numbers of `tokens` and `parameters`,
    and of both before. Raises ModelError for a tokenizer or an architecture that cannot be trimmed.
    """
    inference = InferenceConfig(task, windows, batch_size=_COMPARED, precision="fp32")
    before = logits_predictor(source, inference)
    texts = list(dict.fromkeys(task.tokenized(examples, before.tokenizer, windows)))
    tokenizer = trim_tokenizer(before.tokenizer, texts, _named(before.model.config), folder)
    rows = before.tokenizer.convert_tokens_to_ids(tokenizer.convert_ids_to_tokens(range(len(tokenizer))))
    model = copy_rows(task, before.model, rows)
    fit_to_model(tokenizer, model.config)
    save_model(model, tokenizer, folder)
    _check_outputs(before, logits_predictor(folder, inference), examples[:_COMPARED])
    return {
        "tokens": len(tokenizer),
        "tokens_before": len(before.tokenizer),
        "parameters": count_parameters(model),
        "parameters_before": count_parameters(before.model),
    }


def _named(config: "PreTrainedConfig") -> set[int]:
    """The numbers of tokens that a configuration names."""
    values = (value for name, value in config.to_dict().items() if name.endswith("_token_id"))
    return {one for value in values for one in (value if isinstance(value, list) else [value]) if one is not None}


def _check_outputs(before: LogitsPredictor, after: LogitsPredictor, examples: Sequence[Example]) -> None:
    """Refuse an architecture that does more with the numbers of tokens than look up embeddings. Raises ModelError."""
    logits = [np.concatenate(predictor.outputs(examples)[1], axis=-1) for predictor in (before, after)]
    difference = float(np.abs(logits[0] - logits[1]).max())
    if not difference <= _TOLERANCE:
        raise ModelError(
            f"student.trim: a {after.model.config.model_type} model says something else once tokens that are not needed are "
            f"gone (logits differ by {difference:.2g}): it does more with their numbers than look up embeddings; drop `trim`"
        )
