"""What generators answer and think."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.data.features import WindowSettings
from distil.framework.data.locating import locate
from distil.framework.generative.asking import writer_for
from distil.framework.signals.algebra import NULL, Signals, concat, temper
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.decode_signals import decode_signals
from distil.framework.tasks.span_qa.generative import Candidates, GenerativePredictor, answers_signals
from distil.framework.tasks.span_qa.write import from_spans
from tests.framework.generative.tiny_models import SIZES, examples, inference, saved, section
from tests.framework.signals.made_up import assert_same, entries, masses

QUESTIONS = examples(12, persons=1)


@pytest.fixture(scope="module", params=list(SIZES))
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(architecture: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(section(architecture), tmp_path_factory.mktemp(architecture), QUESTIONS)


def opened(architecture: str, folder: Path, kind: dict[str, Any] | None = None, **fields: Any) -> GenerativePredictor:
    predictor = section(architecture, **(kind or {})).predictor(folder, inference(**fields))
    assert isinstance(predictor, GenerativePredictor)
    return predictor


def proposal(*about: tuple[str, Sequence[str]]) -> Signals:
    """A teacher that thinks of these spans of each context alike."""
    spans = [[(context.index(span), context.index(span) + len(span)) for span in several] for context, several in about]
    return from_spans([np.asarray(one) for one in spans], [np.zeros(len(one)) for one in spans], [-np.inf] * len(spans))


def chars(signals: Signals, head: int) -> set[int]:
    """The characters that the first example's start (0) or end (1) names."""
    return {key for key, _ in entries(signals, head) if key != NULL}


class Bars:
    """A progress that counts."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, float, str]] = []
        self.advanced = 0.0

    @contextmanager
    def task(self, description: str, total: float, unit: str = "examples") -> Iterator["Bars"]:
        self.opened.append((description, total, unit))
        yield self

    def advance(self, count: float = 1, **figures: float) -> None:
        self.advanced += count

    def say(self, message: str) -> None:
        raise AssertionError(message)


def log_p(predictor: GenerativePredictor, prompt: Any, texts: Sequence[str]) -> Any:
    """log P(text | prompt) of each text."""
    writer = writer_for(predictor.prompts.generator, predictor.model.eval(), predictor.prompts.special)
    answers = [predictor.prompts.answer(text) for text in texts]
    with torch.inference_mode():
        known = writer.read([prompt], len(prompt))
        return writer.log_probs(known, np.zeros(len(texts), np.int64), answers, max(map(len, answers)))


def candidates_of(predictor: GenerativePredictor, example: QAExample, proposed: Sequence[str]) -> Candidates:
    """What it writes itself, and what is proposed."""
    (found,) = predictor._candidates(predictor.run(replace(predictor.prepare([example]), proposed=[proposed])))
    return found


def test_what_else_is_asked_changes_nothing(architecture: str, folder: Path) -> None:
    """Not a bit, in any order and with any batch size."""
    long = " ".join(example.context for example in QUESTIONS)
    asked = [*QUESTIONS, QAExample("long", long, "Где родилась Анна?", None), QAExample("short", "да", "Что?", None)]

    def proposals(part: Sequence[QAExample]) -> list[Signals]:
        return [proposal(*((example.context, example.context.split()[:2]) for example in part))]

    predictors = {
        size: opened(architecture, folder, {"beams": 3}, unanswerable=True, batch_size=size) for size in (1, 3, 64)
    }
    lengths = {len(prompt.ids) for example in asked for prompt in predictors[1].prompts.of(example)}
    assert predictors[1].prompts.longest in lengths
    alone = {example.id: predictors[1].signals([example], proposals([example])) for example in asked}
    records = {id: record for example in asked for id, record in predictors[1].predict([example]).items()}
    shuffled = [asked[number] for number in np.random.default_rng(0).permutation(len(asked))]
    for size, part in ((3, shuffled), (64, asked[::-1]), (64, asked[4:7])):
        assert_same(predictors[size].signals(part, proposals(part)), concat([alone[example.id] for example in part]))
        assert predictors[size].predict(part) == {example.id: records[example.id] for example in part}


def test_progress_counts_batches(architecture: str, folder: Path) -> None:
    bars = Bars()
    opened(architecture, folder, batch_size=4).predict(QUESTIONS, bars, "evaluate")
    assert bars.opened == [("evaluate", bars.advanced, "batches")]
    assert bars.advanced >= 2 * len(QUESTIONS) / 4


def test_proposals_are_candidates(architecture: str, folder: Path) -> None:
    predictor = opened(architecture, folder)
    example = QUESTIONS[0]
    words = example.context.split()
    context = example.context
    signal = predictor.signals([example], [proposal((context, [words[0]])), proposal((context, [words[2]]))])
    assert masses(signal, len(context)).sum(-1) == pytest.approx([1, 1], abs=1e-6)
    for word in (words[0], words[2]):
        places = locate(example.context, word)
        assert {start for start, _ in places} <= chars(signal, 0)
        assert {end - 1 for _, end in places} <= chars(signal, 1)
    most = opened(architecture, folder, {"candidates": 1, "beams": 1})
    assert [len(texts) for texts in most._proposed([example], proposal((context, [words[0], words[2]])))] == [1]


def test_records_have_the_form_of_predictions(architecture: str, folder: Path) -> None:
    for unanswerable in (False, True):
        for example, record in zip(
            QUESTIONS, opened(architecture, folder, unanswerable=unanswerable).predict(QUESTIONS).values(), strict=True
        ):
            assert set(record) == {"answer", "start", "end", "score", "n_best"} | (
                {"no_answer_score"} if unanswerable else set()
            )
            logits = [span["logit"] for span in record["n_best"]]
            assert logits == sorted(logits, reverse=True)
            for span in record["n_best"]:
                found = locate(example.context, span["text"])
                assert (span["start"], span["end"]) == (found[0] if found else (-1, -1))
                assert not found or example.context[span["start"] : span["end"]] == span["text"]
            if not unanswerable:
                assert sum(span["score"] for span in record["n_best"]) == pytest.approx(1)
                assert record["answer"] == record["n_best"][0]["text"]


def test_an_answer_that_is_not_there_is_reported_and_not_taught(architecture: str, folder: Path) -> None:
    example = QUESTIONS[0]
    word = example.context.split()[0]
    for unanswerable in (False, True):
        predictor = opened(architecture, folder, unanswerable=unanswerable)
        assert predictor.predict([example])[example.id]["n_best"][0]["start"] == -1
        shown, alone = predictor.signals([example], [proposal((example.context, [word]))]), predictor.signals([example])
        assert (dict(entries(shown, 0))[NULL] == 0) == (not unanswerable)
        assert entries(alone, 0) == [(NULL, pytest.approx(1))]


def test_no_answer_competes_by_its_own_probability(architecture: str, folder: Path) -> None:
    predictor = opened(architecture, folder, unanswerable=True)
    example = QUESTIONS[3]
    record = predictor.predict([example])[example.id]
    (prompt,) = predictor.prompts.of(example)
    (empty,) = log_p(predictor, prompt.ids, [""])
    assert record["no_answer_score"] == pytest.approx(empty - record["n_best"][0]["logit"], abs=1e-5)
    signal = predictor.signals([example], [proposal((example.context, example.context.split()[:1]))])
    assert dict(entries(signal, 0))[NULL] > np.exp(empty) > 0


def test_a_long_context_is_asked_about_in_parts(architecture: str, folder: Path) -> None:
    context = " ".join(example.context for example in QUESTIONS)
    example = QAExample("long", context, "Где родилась Анна?", None)
    windows = WindowSettings(max_length=100, doc_stride=16, max_question=24)
    predictor = opened(architecture, folder, windows=windows, unanswerable=True)
    assert len(predictor.prompts.of(example)) > 2
    last = context.rstrip(".").split()[-1]
    signal = predictor.signals([example], [proposal((context, [last]))])
    assert context.rindex(last) in chars(signal, 0)
    candidates = candidates_of(predictor, example, [last])
    scores = np.asarray([log_p(predictor, prompt.ids, candidates.texts) for prompt in predictor.prompts.of(example)])
    expected = np.where([bool(text) for text in candidates.texts], scores.max(0), scores.min(0))
    assert candidates.log_mass == pytest.approx(expected, abs=1e-4)


def test_length_normalisation_divides_by_tokens(architecture: str, folder: Path) -> None:
    texts = ["Тула", "в Туле и Омске"]
    plain, normal = (
        candidates_of(opened(architecture, folder, {"length_normalisation": alpha}), QUESTIONS[1], texts)
        for alpha in (0.0, 1.0)
    )
    predictor = opened(architecture, folder)
    for text in texts:
        length = len(predictor.prompts.answer(text))
        before, after = (found.log_mass[found.texts.index(text)] for found in (plain, normal))
        assert after == pytest.approx(before / length)


def test_a_model_reads_alike_after_saving_and_loading(architecture: str, folder: Path, tmp_path: Path) -> None:
    predictor = opened(architecture, folder)
    predictor.model.save_pretrained(tmp_path)
    predictor.prompts.tokenizer.save_pretrained(tmp_path)
    again = opened(architecture, tmp_path)
    assert again.predict(QUESTIONS[:3]) == predictor.predict(QUESTIONS[:3])
    assert again.parameters == predictor.parameters == sum(weight.numel() for weight in predictor.model.parameters())


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_other_tokenizers(architecture: str, kind: str, tmp_path: Path) -> None:
    tokenizer = {"tokenizer": {"kind": kind, "vocab_size": 500}}
    saved(section(architecture, **tokenizer), tmp_path, QUESTIONS)
    predictor = opened(architecture, tmp_path, tokenizer, precision="bf16")
    example = QUESTIONS[2]
    signal = predictor.signals([example], [proposal((example.context, [example.context.split()[1]]))])
    assert example.context.index(example.context.split()[1]) in chars(signal, 0)


places = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)).map(lambda p: (p[0], p[0] + p[1])), max_size=4)
answers = st.lists(st.tuples(places, st.floats(-80, 0)), min_size=1, max_size=8)


@given(st.lists(answers, min_size=1, max_size=3), st.booleans())
def test_masses_are_those_of_the_answers(
    found: list[list[tuple[list[tuple[int, int]], float]]], unanswerable: bool
) -> None:
    spans = [[span for span, _ in of_example] for of_example in found]
    scores = [np.asarray([score for _, score in of_example]) for of_example in found]
    signals = answers_signals(spans, scores, unanswerable=unanswerable)
    for number, (of_example, logs) in enumerate(zip(spans, scores, strict=True)):
        counts = np.asarray([unanswerable or bool(alike) or not any(of_example) for alike in of_example])
        share = np.where(counts, np.exp(logs - logs[counts].max()), 0)
        share /= share.sum()
        for head, character in ((0, lambda span: span[0]), (1, lambda span: span[1] - 1)):
            expected = np.zeros(42)
            for mass, alike in zip(share, of_example, strict=True):
                for place in map(character, alike):
                    expected[place + 1] += mass / len(alike)
                if not alike:
                    expected[0] += mass
            assert masses(signals, 40)[2 * number + head] == pytest.approx(expected, abs=1e-6)
            keys = [key for key, _ in entries(signals, 2 * number + head)]
            assert keys == sorted(set(keys))
    alone = [answers_signals([one], [logs], unanswerable=unanswerable) for one, logs in zip(spans, scores, strict=True)]
    assert_same(signals, concat(alone))


def test_repeated_places_share_and_the_rest_is_null() -> None:
    spans = [[(0, 4), (10, 14)], [], [(0, 2)]]
    signals = answers_signals([spans], [np.log([0.6, 0.3, 0.1])], unanswerable=True)
    assert dict(entries(signals, 0)) == pytest.approx({NULL: 0.3, 0: 0.4, 10: 0.3})
    assert [key for key, _ in entries(signals, 1)] == [NULL, 1, 3, 13]


def test_what_is_not_located_does_not_count_where_every_question_has_an_answer() -> None:
    spans = [[(0, 4), (10, 14)], [], [(0, 2)]]
    signals = answers_signals([spans], [np.log([0.6, 0.3, 0.1])], unanswerable=False)
    assert dict(entries(signals, 0)) == pytest.approx({NULL: 0, 0: 0.4 / 0.7, 10: 0.3 / 0.7})


@pytest.mark.parametrize("unanswerable", [False, True])
def test_nothing_located_is_all_null(unanswerable: bool) -> None:
    signals = temper(answers_signals([[[], []]], [np.asarray([-3.0, -4.0])], unanswerable=unanswerable), 2.0)
    assert [entries(signals, head) for head in range(2)] == [[(NULL, pytest.approx(1))]] * 2
    (found,) = decode_signals(["где?"], signals, 5, 5, null=True)
    assert found.answer()["text"] == ""
