"""The mathematics of signals against their definitions."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from framework.data.windows import cut_windows
from framework.data.windows_section import WindowSettings
from framework.losses.kl import KL
from framework.losses.total import total_loss
from framework.signals.source import OneTeacher
from framework.signals.span import (
    Side,
    SpanSignal,
    TeacherWindow,
    keep_top,
    log_softmax,
    probabilities,
    temper_side,
    write_signal,
)
from framework.tasks.span_qa.example import QAExample
from framework.tasks.span_qa.task import ExtractiveQA
from tests.tokenizing import tokenizer

logits = arrays(np.float64, st.integers(3, 30), elements=st.floats(-30, 30))
temperatures = st.sampled_from([0.5, 1.0, 2.0, 4.0])


def side_of(values: np.ndarray) -> Side:
    logs = log_softmax(values)
    return Side(np.arange(len(values) - 1), logs[:-1], float(logs[-1]))


@given(logits, temperatures)
def test_a_temperature_after_storage_is_one_before_it(values: np.ndarray, temperature: float) -> None:
    masses, null, tail = probabilities(temper_side(side_of(values), temperature))
    assert np.append(masses, null) == pytest.approx(np.exp(log_softmax(values / temperature)), abs=1e-12)
    assert tail == 0


@given(logits, temperatures, st.integers(1, 10))
def test_the_tail_is_tempered_as_equal_parts(values: np.ndarray, temperature: float, count: int) -> None:
    kept = keep_top(side_of(values), count)
    masses, null, tail = probabilities(temper_side(kept, temperature))
    parts = np.full(kept.tail_size, kept.tail - np.log(max(kept.tail_size, 1)))
    spelled_out = np.exp(log_softmax(np.concatenate([kept.log_mass, parts, [kept.null]]) / temperature))
    assert masses == pytest.approx(spelled_out[: len(masses)], abs=1e-9)
    assert tail == pytest.approx(spelled_out[len(masses) : -1].sum(), abs=1e-9)
    assert null == pytest.approx(spelled_out[-1], abs=1e-9)


@given(logits, st.integers(1, 40))
def test_the_heaviest_are_kept_and_no_mass_is_lost(values: np.ndarray, count: int) -> None:
    whole = side_of(values)
    kept = keep_top(whole, count)
    assert len(kept.chars) + kept.tail_size == len(whole.chars)
    if kept.tail_size:
        left = np.setdiff1d(whole.chars, kept.chars)
        assert whole.log_mass[left].max() <= kept.log_mass.min()
    assert np.exp(kept.log_mass).sum() + np.exp(kept.null) + np.exp(kept.tail) == pytest.approx(1)


def test_windows_are_joined_by_the_one_that_shows_a_token_best() -> None:
    spans = np.asarray([[0, 1], [2, 3], [4, 5]], np.int32)
    first = TeacherWindow(
        spans[:2], np.asarray([True, False]), np.log([0.6, 0.3]), np.log([0.2, 0.2]), np.log(0.1), np.log(0.6)
    )
    second = TeacherWindow(
        spans[1:], np.asarray([True, True]), np.log([0.2, 0.3]), np.log([0.1, 0.1]), np.log(0.5), np.log(0.8)
    )
    signal = write_signal([first, second])
    # 0.6 from the first window, 0.2 and 0.3 from the second, and the smaller "no answer here": together 1.2.
    assert signal.start.chars.tolist() == [0, 2, 4]
    assert np.exp(signal.start.log_mass) == pytest.approx(np.asarray([0.6, 0.2, 0.3]) / 1.2)
    assert np.exp(signal.start.null) == pytest.approx(0.1 / 1.2)
    assert np.exp(signal.end.null) == pytest.approx(0.6 / 1.0)


class _One:
    def __init__(self, signal: SpanSignal) -> None:
        self._signal = signal

    def announce(self, batches: Sequence[Sequence[QAExample]]) -> None:
        pass

    def signal(self, example: QAExample) -> SpanSignal:
        return self._signal


@given(
    st.integers(0, 1000),
    temperatures,
    st.sampled_from([0.1, 3.0, 25.0]),
    st.sampled_from(["wordpiece", "wordpiece uncased"]),
)
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
    (signal,) = task.write_signals([example], windows, [teacher])
    source = OneTeacher(_One(signal))
    items = task.training_items([example], windows, 0, source, [temperature], at_hand=True)
    assert task.moved_mass([example], windows, _One(signal)) == 0

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
