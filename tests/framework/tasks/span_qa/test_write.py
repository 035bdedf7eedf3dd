"""From logits over the tokens of windows to signals."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distil.framework.data.features import WindowSettings
from distil.framework.losses.base import total_loss
from distil.framework.losses.logits import KL
from distil.framework.signals.algebra import NULL, Signals, concat, gold_log_likelihood
from distil.framework.signals.source import OneTeacher
from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.span_qa.windows import Windows, cut_windows
from distil.framework.tasks.span_qa.write import from_spans, gold_outcomes, write_spans
from tests.framework.ensembles.opinions import Fixed
from tests.framework.signals.made_up import assert_same, entries, of_masses
from tests.framework.tasks.span_qa.plainly import written
from tests.tokenizing import KINDS, contexts, tokenizer

NARROW = WindowSettings(max_length=24, doc_stride=5, max_question=4)
CONTEXT = "Пётр жил в Туле, да."
TULA = CONTEXT.index("Туле")


def cut(several: list[str], kind: str, settings: WindowSettings = NARROW) -> Windows:
    examples = [QAExample(str(number), context, "Где?", None) for number, context in enumerate(several)]
    return cut_windows(examples, tokenizer(kind), settings)


def random_logits(windows: Windows, seed: int, scale: float = 3.0) -> list[Any]:
    random = np.random.default_rng(seed)
    return [(random.normal(size=(2, length)) * scale).astype(np.float32) for length in windows.lengths]


@given(
    st.sampled_from(list(KINDS)),
    st.lists(contexts, min_size=1, max_size=3),
    st.integers(0, 9),
    st.sampled_from([0.1, 3.0, 25.0]),
)
@settings(max_examples=20, deadline=None)
def test_signals_are_what_the_windows_say(kind: str, several: list[str], seed: int, scale: float) -> None:
    windows = cut(several, kind)
    logits = random_logits(windows, seed, scale)
    signals = write_spans(len(several), windows, logits)
    assert len(signals) == len(several)
    for head in range(2 * len(several)):
        found: dict[int, float] = {}
        for key, mass in entries(signals, head):
            found[key] = found.get(key, 0.0) + mass
        assert found == pytest.approx(written(windows, logits, head // 2, head % 2), abs=1e-6)


def test_examples_that_are_written_in_parts_come_out_as_together(monkeypatch: pytest.MonkeyPatch) -> None:
    several = ["Ёж спит.", "Ёж ест яблоко, а кот пьёт молоко у двери дома.", "Кот.", "Где-то лает пёс.", "Тихо."]
    windows = cut(several, "wordpiece")
    logits = random_logits(windows, 0)
    whole = write_spans(len(several), windows, logits)
    monkeypatch.setattr("distil.framework.tasks.span_qa.write._CHUNK", 2)
    assert len(windows) > len(several)
    assert_same(write_spans(len(several), windows, logits), whole)


@given(st.sampled_from(list(KINDS)), st.lists(contexts, min_size=2, max_size=4), st.integers(0, 9))
@settings(max_examples=15, deadline=None)
def test_what_is_written_about_an_example_depends_on_nothing_else(kind: str, several: list[str], seed: int) -> None:
    """Not a bit."""
    windows = cut(several, kind)
    logits, bounds = random_logits(windows, seed), windows.of_examples(len(several))
    alone = [
        write_spans(1, cut([context], kind), logits[bounds[number] : bounds[number + 1]])
        for number, context in enumerate(several)
    ]
    assert_same(write_spans(len(several), windows, logits), concat(alone))


def test_windows_are_joined_by_the_one_that_shows_a_token_best() -> None:
    windows = Windows(
        rows=np.asarray([0, 3, 6]),
        input_ids=np.zeros(6, np.int32),
        token_types=None,
        support=np.asarray([False, True, True] * 2),
        spans=np.asarray([[0, 0], [0, 1], [2, 3], [0, 0], [2, 3], [4, 5]], np.int32),
        best=np.asarray([False, True, False, False, True, True]),
        null=np.zeros(2, np.int32),
        example=np.zeros(2, np.int32),
        reach=np.asarray([[0, 3], [2, 5]], np.int32),
    )
    first = np.log([[0.1, 0.6, 0.3], [0.6, 0.2, 0.2]]).astype(np.float32)
    second = np.log([[0.5, 0.2, 0.3], [0.8, 0.1, 0.1]]).astype(np.float32)
    signals = write_spans(1, windows, [first, second])
    # 0.6 from the first window, 0.2 and 0.3 from the second, and the smaller "no answer here": together 1.2.
    start, end = (dict(entries(signals, head)) for head in range(2))
    assert start == pytest.approx({NULL: 0.1 / 1.2, 0: 0.6 / 1.2, 2: 0.2 / 1.2, 4: 0.3 / 1.2})
    assert end[NULL] == pytest.approx(0.6 / 1.0)


def test_masses_on_spans_lie_on_their_first_and_last_characters() -> None:
    signals = from_spans([[(0, 4), (5, 9), (0, 2)], []], [np.log([0.1, 0.2, 0.3]), np.zeros(0)], [np.log(0.2), 0.0])
    assert dict(entries(signals, 0)) == pytest.approx({NULL: 0.25, 0: 0.5, 5: 0.25})
    assert dict(entries(signals, 1)) == pytest.approx({NULL: 0.25, 3: 0.125, 8: 0.25, 1: 0.375})
    assert [entries(signals, head) for head in (2, 3)] == [[(NULL, 1.0)]] * 2


@given(
    st.integers(0, 1000),
    st.sampled_from([0.5, 1.0, 2.0, 4.0]),
    st.sampled_from([0.1, 3.0, 25.0]),
    st.sampled_from(["wordpiece", "wordpiece uncased"]),
)
@settings(max_examples=25, deadline=None)
def test_with_one_tokenizer_the_loss_is_hintons(seed: int, temperature: float, scale: float, kind: str) -> None:
    """T² · ½ [KL(softmax(t / T) ‖ softmax(s / T)) of the start + of the end], over context and [CLS], with gradient.

    It holds where no two tokens share a character, as byte-level ones may: these cannot be told apart afterwards.
    """
    task = ExtractiveQA()
    example = QAExample("1", "Пётр Ильич родился в Воткинске. Йозеф — в Рорау.", "Где родился Пётр?", None)
    windows = cut_windows([example], tokenizer(kind), WindowSettings(max_length=256, doc_stride=8))
    assert len(windows) == 1
    random = np.random.default_rng(seed)
    teacher = (random.normal(size=(2, len(windows.input_ids))) * scale).astype(np.float32)
    signals: Signals = task.write_signals([example], windows, [teacher])
    items = task.training_items([example], windows, 0, OneTeacher(Fixed(signals)), [temperature], eager=True)
    assert task.moved_mass([example], windows, Fixed(signals)) == 0

    student = torch.tensor(
        random.normal(size=(1, 2, teacher.shape[1])) * scale, dtype=torch.float32, requires_grad=True
    )
    targets = items.targets(np.asarray([0]), True, choice=0)
    loss, _ = total_loss({"kl": KL(temperature=temperature)}, targets.rows(student), 0.0)
    (gradient,) = torch.autograd.grad(loss, student)

    free = student.detach().double().requires_grad_()
    places = np.append(np.flatnonzero(windows.support), windows.null[0])
    expected = torch.zeros((), dtype=torch.float64)
    for head in range(2):
        log_p = torch.log_softmax(torch.tensor(teacher[head, places], dtype=torch.float64) / temperature, -1)
        log_q = torch.log_softmax(free[0, head, places] / temperature, -1)
        expected = expected + temperature**2 * 0.5 * (log_p.exp() * (log_p - log_q)).sum()
    (expected_gradient,) = torch.autograd.grad(expected, free)
    tolerance = 1e-5 * max(
        1.0, temperature**2, float(expected.detach())
    )  # before T² multiplies what float32 leaves out
    assert float(loss) == pytest.approx(float(expected), abs=tolerance)
    assert torch.allclose(gradient.double(), expected_gradient, atol=1e-5 * max(1.0, temperature))


def gold(start: Mapping[int, float], end: Mapping[int, float], *answers: str) -> list[float]:
    found = tuple(Answer(text, CONTEXT.index(text)) for text in answers)
    outcomes = gold_outcomes([QAExample("1", CONTEXT, "Где?", found)])
    likelihoods: list[float] = np.exp(gold_log_likelihood(of_masses(start, end), outcomes)).tolist()
    return likelihoods


def test_the_mass_on_a_word_counts_for_every_place_in_it() -> None:
    """One teacher has the token `Туле`, another `Ту`, `ле` and `,`."""
    start = {0: 0.3, TULA: 0.4, TULA + 2: 0.1, NULL: 0.2}
    end = {TULA + 1: 0.2, TULA + 3: 0.3, TULA + 4: 0.1, TULA + 6: 0.4}
    assert gold(start, end, "Туле") == pytest.approx([0.5, 0.6])
    assert gold(start, end, "жил в Туле") == pytest.approx([1e-6, 0.6])


def test_of_several_answers_the_first_counts() -> None:
    one = {0: 0.3, TULA: 0.7}
    assert gold(one, one, "Пётр", "Туле") == pytest.approx([0.3, 0.3])


def test_no_answer_is_the_null_mass() -> None:
    assert gold({0: 0.75, NULL: 0.25}, {0: 0.5, NULL: 0.5}) == pytest.approx([0.25, 0.5])


def test_what_was_left_out_has_the_tails_average_and_the_impossible_the_least_mass() -> None:
    signals = of_masses({0: 0.6}, {0: 1.0}, tail=[0.4, 0.0], tail_size=[8, 0])
    found = gold_log_likelihood(signals, gold_outcomes([QAExample("1", CONTEXT, "Где?", (Answer("Туле", TULA),))]))
    assert np.exp(found) == pytest.approx([0.05, 1e-6])


@given(st.lists(st.tuples(contexts, st.integers(0), st.integers(0)), min_size=1, max_size=4))
def test_words_end_where_white_space_or_the_text_does(drawn: list[tuple[str, int, int]]) -> None:
    several, expected = [], []
    for number, (context, one, other) in enumerate(drawn):
        begin, last = sorted((one % len(context), other % len(context)))
        several.append(QAExample(str(number), context, "Где?", (Answer(context[begin : last + 1], begin),)))
        for place in (begin, last):
            before = [at for at in range(place) if context[at].isspace()]
            after = [at for at in range(place + 1, len(context)) if context[at].isspace()]
            expected.append([max(before, default=-1) + 1, min(after, default=len(context)) - 1])
    nothing = QAExample("no", "Да.", "Где?", ())
    assert gold_outcomes([*several, nothing]).tolist() == [*expected, [NULL, NULL], [NULL, NULL]]
