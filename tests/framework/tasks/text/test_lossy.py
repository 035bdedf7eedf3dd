"""Texts that a tokenizer does not give back: as far as it does they are read like all others."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import T5Config, T5ForConditionalGeneration

from distil.framework.ensembles.rules import Mean
from distil.framework.ensembles.source import EnsembleSource
from distil.framework.errors import ModelError
from distil.framework.progress import Silent
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare, run
from distil.framework.stages.completions import _bits
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.features import TextRows, text_features
from distil.framework.tasks.text.predictor import TextPredictor, shown_bytes
from distil.framework.tasks.text.probabilities import places_of
from distil.framework.tasks.text.prompts import PLAIN
from distil.framework.tasks.text.reading import text_reader
from distil.framework.tasks.text.signal import signals_of_logits
from distil.framework.tasks.text.task import Text
from distil.framework.tasks.text.token_bytes import token_bytes
from distil.framework.tasks.text.units import units_of
from distil.framework.tasks.text.writing import TextWriter
from tests.built_tokenizers import BUILT, built
from tests.framework.tasks.text.runs import bpe, model, values
from tests.tiny import figures
from tests.tokenizing import HARD

_KINDS = ["Unigram, Metaspace", "BPE, bytes for the unknown", "byte-level, no prefix"]
_END = 3


def _rows(kind: str, texts: list[str], prompt: str = "") -> TextRows:
    examples = [Written(str(number), prompt, text) for number, text in enumerate(texts)]
    return text_features(examples, built(kind), token_bytes(built(kind), [_END]), _END, [], 64)


class _Said(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)


def _tokens(kind: str, text: str) -> list[str]:
    rows = _rows(kind, [text])
    names: list[str] = built(kind).convert_ids_to_tokens(rows.input_ids[rows.begin[0] :].tolist())
    return names


@pytest.mark.parametrize("kind", _KINDS)
@given(parts=st.lists(st.sampled_from([*HARD, "a", "  ", "Two", " fox", "Ω", "\n"]), max_size=6))
@example(parts=["ⅰ", "a"])  # nothing of it
@settings(max_examples=60)
def test_what_is_read_is_how_the_text_begins(kind: str, parts: list[str]) -> None:
    text = "".join(parts)
    rows = _rows(kind, [text], "Who?")
    ids = rows.input_ids[rows.begin[0] :]
    content = text.encode()
    shown = rows.table.text_of(ids)[int(rows.led[0]) :]
    if len(ids):
        assert shown == content[: len(shown)]
    left = content[len(content) - int(rows.lost[0]) :]
    assert (ids[-1:] == _END).any() == (not left.strip())
    if len(rows.input_ids) < 64:
        assert shown + left == content or not len(ids)
        assert shown_bytes([Written("0", "Who?", text)], rows).tolist() == [len(content) - len(left)]
    starts = np.cumsum(np.append(0, rows.table.lengths[ids])) - int(rows.led[0])
    for at, place in zip(units_of(text).bounds, rows.place, strict=True):
        assert place == -1 or max(starts[place - rows.begin[0]], 0) == at
    if kind == "byte-level, no prefix":
        assert not rows.lost.any()


def test_a_text_is_read_up_to_where_its_tokens_differ_from_it() -> None:
    kind = "Unigram, Metaspace"
    whole = ["▁", "T", "w", "o", "▁"]
    assert _tokens(kind, "Two  spaces") == whole
    assert _tokens(kind, "Two Ω") == whole  # and no token for what it does not know
    assert _tokens(kind, "Ω") == ["▁"]
    assert _tokens(kind, "Two\n") == [*whole[:-1], "</s>"]  # white space behind it is no more than its end
    assert _tokens(kind, "ⅰ") == []


def test_where_nothing_is_read_a_decoder_reads_its_start() -> None:
    tokenizer = built("Unigram, Metaspace")
    examples = [Written(str(number), "Who?", text) for number, text in enumerate(["ⅰ", "fox"])]
    rows = text_features(examples, tokenizer, token_bytes(tokenizer, [_END]), _END, [], 64, decoder_start=(0, 1))
    for several in ([0], [0, 1]):
        inputs = rows.inputs(np.asarray(several), 0, None)
        assert inputs["decoder_input_ids"][0, :2].tolist() == [0, 1]
        places = places_of(rows, np.asarray(several), inputs["decoder_input_ids"].shape[1])
        assert (places.item == 0).sum() == 0
        assert len(places.number) == 2 * len(several) - 2


def test_a_text_of_which_no_teacher_reads_anything_is_chosen_last() -> None:
    """Nothing that is said of it takes no bits."""
    kind, examples = "Unigram, Metaspace", [Written("0", "Who?", "ⅰfox"), Written("1", "Who?", "a fox")]

    class Said:
        def signals(self, asked: Any) -> Any:
            rows = _rows(kind, [one.completion for one in asked], "Who?")
            return signals_of_logits(
                rows, [np.zeros((len(rows.table.first), int(tokens)), np.float32) for tokens in rows.lengths]
            )

    both: Any = {"a": Said(), "b": Said()}
    source = EnsembleSource(Mean(), both, {"a": 1.0, "b": 1.0}, {}, Text(), ignore_labels=True)
    context: Any = SimpleNamespace(task=Text())
    written: Any = SimpleNamespace(read=lambda: SimpleNamespace(examples=examples))
    scores: Any = SimpleNamespace(source=lambda *_, **__: source)
    nothing, whole = _bits(context, written, scores)
    assert nothing == np.inf
    assert 0 < whole < np.inf


def test_how_many_texts_are_read_in_part_is_said() -> None:
    reader = text_reader(built("Unigram, Metaspace"), PLAIN, 64)
    said = _Said()
    texts = ["fox", "quick  brown fox", "brown fox", "the Ω"]
    reader.read_split([Written(f"q{number}", "", text) for number, text in enumerate(texts)], said)
    (line,) = said.lines
    assert line.strip().endswith("does not give back 2 of 4 texts, which are read up to the first difference: q1, q3")


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("Unigram, Metaspace", "does not give back the texts that it has read: 100% of what is to be written"),
        ("Unigram, WhitespaceSplit, Metaspace", "as it lower-cases it"),
        ("CharBPE", "as one does not that forgets its spaces"),
    ],
)
def test_a_tokenizer_that_loses_nearly_everything_is_refused(kind: str, problem: str) -> None:
    with pytest.raises(ModelError, match=problem):
        text_reader(BUILT[kind](), PLAIN, 64).read_split([Written("q1", "", "Ω" * 20), Written("q2", "", "ΩΩ")])


def test_a_teacher_that_loses_nearly_everything_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    source = tmp_path / "lost.jsonl"
    rows = [{"prompt": f"{number}?", "completion": "Ω" * 9} for number in range(40)]
    source.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    changes = {"data__source__path": str(source), "teachers__b": {"kind": "generative", "model": _t5(tmp_path / "t5")}}
    with pytest.raises(ModelError, match=r"t5 does not give back the texts that it has read: 100%"):
        prepare(recipe_from_values(values(tmp_path, **changes), "here"))


def _t5(folder: Path) -> dict[str, str]:
    """A folder with an encoder-decoder whose tokenizer makes one space of two."""
    tokenizer = built("Unigram, Metaspace")
    named = {"vocab_size": len(tokenizer), "pad_token_id": 0, "eos_token_id": _END, "decoder_start_token_id": 0}
    torch.manual_seed(0)
    model = T5ForConditionalGeneration(T5Config(d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, **named))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {"kind": "folder", "path": str(folder)}


def _spaced(output: Path) -> dict[str, Any]:
    """Every other completion has two spaces in a row."""
    source = output / "spaced.jsonl"
    rows = [
        {"prompt": f"{'b' if number % 2 else 'a'} {number}?", "completion": " it  is" if number % 2 else " is"}
        for number in range(40)
    ]
    source.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return {"kind": "files", "path": str(source)}


@pytest.mark.parametrize("lossy", ["student", "teacher"])
def test_models_learn_what_other_tokenizers_do_not_give_back(
    lossy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the data, of completions and in rounds."""
    learning = {"lr": 0.02, "epochs": 10, "batch_size": 8}
    teacher = {"kind": "generative", "fine_tune": learning}
    of_t5, other = {"model": _t5(tmp_path / "t5")}, {"model": model(), "tokenizer": bpe(300)}
    split = {"of": ["prompts"]}
    changes = {
        "task": {"kind": "text", "generation": {"max_new_tokens": 8}},
        "data": {
            "source": _spaced(tmp_path),
            "splits": {"train": "train[:24]", "prompts": "train[24:32]", "dev": "train[32:]"},
        },
        "teachers": {"a": {**teacher, **(of_t5 if lossy == "teacher" else other)}},
        "teachers__b": None,
        "ensemble": None,
        "baselines": [],
        "student__tokenizer": None,
        **{f"student__{name}": value for name, value in (of_t5 if lossy == "student" else other).items()},
        "student__epochs": 4,
        "student__lr": 0.02,
        "student__completions": {**split, "count": 2},
        "student__rounds": split,
        "evaluation": {"latency_questions": 0, "bootstrap": 100},
    }
    recipe = recipe_from_values(values(tmp_path, **changes), "here")
    found = run(recipe)
    by_name = {one["name"]: one for one in found["models"]}
    assert by_name["a" if lossy == "teacher" else "student"]["evaluation"]["unread"] > 0.2
    assert "unread" not in by_name["student" if lossy == "teacher" else "a"]["evaluation"]
    texts = [json.loads(line) for path in tmp_path.glob("store/completions/*/written.jsonl") for line in path.open()]
    by_others = any("  " in one["text"] for line in texts for one in line)
    assert by_others or lossy == "teacher"  # whose student may write them
    monkeypatch.setattr(TextPredictor, "run", None)
    monkeypatch.setattr(TextWriter, "write", None)
    assert figures(run(recipe)) == figures(found)
