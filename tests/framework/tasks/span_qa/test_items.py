"""Training items: gold positions and signals in the tokens of every window, through memory and through the store."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from distil.framework.data.features import WindowSettings
from distil.framework.losses.base import total_loss
from distil.framework.losses.logits import KL
from distil.framework.signals.algebra import NULL, Signals, concat, keep_top, temper
from distil.framework.signals.shards import SignalReader, as_stored, row_key, write_shard
from distil.framework.signals.source import OneTeacher, TeacherSignals
from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.tasks.span_qa.items import TrainingItems, moved_mass, span_items
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.span_qa.windows import Windows, cut_windows
from tests.framework.signals.made_up import masses, of_masses
from tests.framework.tasks.span_qa import plainly
from tests.tokenizing import KINDS, contexts, tokenizer

TASK = ExtractiveQA()
NARROW = WindowSettings(max_length=24, doc_stride=5, max_question=4)
WIDE = WindowSettings(max_length=9999)
kinds = st.sampled_from(list(KINDS))


class Held:
    """Signals in memory about examples, and how often each was asked for."""

    def __init__(self, examples: list[QAExample], signals: Signals) -> None:
        self._numbers = {example.id: number for number, example in enumerate(examples)}
        self._signals = signals
        self.asked: Counter[str] = Counter()
        self.heard: list[list[str]] = []

    def prefetch(self, batches: Sequence[Sequence[QAExample]]) -> None:
        self.heard = [[example.id for example in batch] for batch in batches]

    def signals(self, examples: Sequence[QAExample]) -> Signals:
        self.asked.update(example.id for example in examples)
        return self._signals.take(np.asarray([self._numbers[example.id] for example in examples], np.int64))


def outputs(examples: list[QAExample], kind: str, cut: WindowSettings, seed: int, scale: float) -> Signals:
    windows = cut_windows(examples, tokenizer(kind), cut)
    random = np.random.default_rng(seed)
    logits = [(random.normal(size=(2, length)) * scale).astype(np.float32) for length in windows.lengths]
    return TASK.write_signals(examples, windows, logits)


def taught(
    examples: list[QAExample], windows: Windows, teacher: TeacherSignals, *temperatures: float, eager: bool = True
) -> TrainingItems:
    return span_items(examples, windows, 0, OneTeacher(teacher), temperatures, eager)


def labels(examples: list[QAExample], windows: Windows) -> TrainingItems:
    return span_items(examples, windows, 0, None, (), eager=True)


def read_rows(items: TrainingItems, temperature: float) -> torch.Tensor:
    return items.targets(np.arange(len(items.features)), True, choice=0).signals[temperature]


@given(
    kinds,
    kinds,
    st.lists(contexts, min_size=1, max_size=3),
    st.sampled_from([0.5, 1.0, 3.0]),
    st.sampled_from([2, 1000]),
    st.integers(0, 9),
)
@settings(max_examples=25, deadline=None)
def test_a_batch_holds_exactly_what_is_read(
    teacher: str, student: str, several: list[str], temperature: float, top_k: int, seed: int
) -> None:
    """Masses of padded batches: those of the definition in each window's places, 0 elsewhere, 1 altogether."""
    examples = [QAExample(str(number), context, "Где?", None) for number, context in enumerate(several)]
    written = keep_top(outputs(examples, teacher, NARROW, seed, 3.0), top_k)
    windows = cut_windows(examples, tokenizer(student), NARROW)
    held = Held(examples, written)
    items = taught(examples, windows, held, temperature)
    assert (items.positions == -1).all()
    signals = read_rows(items, temperature).numpy()
    assert signals.shape == (len(windows), 2, windows.lengths.max())
    assert signals.sum(-1) == pytest.approx(1, abs=1e-5)
    tempered, shares = temper(written, temperature), []
    for row in range(len(windows)):
        number = int(windows.example[row])
        for head in range(2):
            expected, _ = plainly.read(windows, row, examples[number], tempered, number, head)
            assert signals[row, head, : len(expected)] == pytest.approx(expected, abs=1e-6)
            assert not signals[row, head, len(expected) :].any()
            shares.append(plainly.read(windows, row, examples[number], temper(written, 1.0), number, head)[1])
    assert moved_mass(examples, windows, held) == pytest.approx(np.mean(shares), abs=1e-6)


def hinton(
    teacher: np.ndarray, student: torch.Tensor, windows: Windows, temperature: float
) -> tuple[float, torch.Tensor]:
    """T² · ½ [KL of the starts + KL of the ends] over context tokens and null, in float64, and its gradient."""
    places = np.append(np.flatnonzero(windows.support), windows.null[0])
    free = student.detach().double().requires_grad_()
    log_p = torch.log_softmax(torch.tensor(teacher[:, places], dtype=torch.float64) / temperature, -1)
    log_q = torch.log_softmax(free[0][:, places] / temperature, -1)
    loss = temperature**2 * 0.5 * (log_p.exp() * (log_p - log_q)).sum()
    loss.backward()
    assert free.grad is not None
    return loss.item(), free.grad


@given(kinds, contexts, st.sampled_from([0.5, 1.0, 2.0, 10.0]), st.sampled_from([0.1, 3.0, 100.0]), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_the_loss_is_hintons_in_memory_and_nearly_so_from_the_store(
    kind: str, context: str, temperature: float, scale: float, seed: int
) -> None:
    example = QAExample("1", context, "Где?", None)
    windows = cut_windows([example], tokenizer(kind), WIDE)
    spans = windows.spans[windows.support]
    assume(len(spans) > 1)
    assume((spans[1:, 0] >= spans[:-1, 1]).all())  # tokens that share a letter cannot be told apart afterwards
    random = np.random.default_rng(seed)
    teacher = (random.normal(size=(2, len(windows.input_ids))) * scale).astype(np.float32)
    student = torch.tensor(random.normal(size=(1, *teacher.shape)) * 3, dtype=torch.float32, requires_grad=True)
    signal = TASK.write_signals([example], windows, [teacher])
    expected, expected_gradient = hinton(teacher, student, windows, temperature)

    def distil(source: TeacherSignals) -> tuple[float, torch.Tensor]:
        targets = taught([example], windows, source, temperature).targets(np.asarray([0]), True, choice=0)
        loss, _ = total_loss({"kl": KL(temperature=temperature)}, targets.rows(student), 0.0)
        (gradient,) = torch.autograd.grad(loss, student)
        return loss.item(), gradient.double()

    loss, gradient = distil(Held([example], signal))
    scale_of_error = max(1.0, temperature**2, expected)  # float32 rounds before T² multiplies
    assert loss == pytest.approx(expected, abs=1e-5 * scale_of_error)
    assert torch.allclose(gradient, expected_gradient, atol=1e-5 * max(1.0, temperature))

    with TemporaryDirectory() as folder:
        write_shard(Path(folder), 0, [row_key(example)], as_stored(signal, len(spans)))
        stored, stored_gradient = distil(SignalReader(Path(folder)))
    # A logarithm in half precision is right to one part in 2048: at most about 1/2048 · the entropy in mass.
    assert stored == pytest.approx(expected, abs=0.01 * scale_of_error)
    assert torch.allclose(stored_gradient, expected_gradient, atol=0.005 * max(1.0, temperature))


@given(kinds, contexts, st.sampled_from([0.5, 1.0, 4.0]), st.sampled_from([1.0, 10.0, 1e5]), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_half_precision_costs_no_more_than_its_rounding(
    kind: str, context: str, temperature: float, scale: float, seed: int
) -> None:
    example = QAExample("1", context, "Где?", None)
    signal = outputs([example], kind, WIDE, seed, scale)
    with TemporaryDirectory() as folder:
        write_shard(Path(folder), 0, [row_key(example)], as_stored(signal, len(signal.keys)))
        stored = SignalReader(Path(folder)).signals([example])
    exact, found = (masses(temper(one, temperature), len(context)) for one in (signal, stored))
    assert not stored.tail_size.any()
    for head in range(2):
        # p^(1 + e) with |e| <= 2^-11 is off by at most p · (p^-|e| - 1), and scaling to 1 doubles it.
        logs = signal.log_p[signal.rows[head] : signal.rows[head + 1]].astype(np.float64)
        logs = logs[logs > -60_000]
        bound = 2 * (np.exp(logs / temperature) * np.expm1(-logs * 2**-11 / temperature)).sum()
        bound /= np.exp(logs / temperature).sum()
        assert np.abs(found[head] - exact[head]).sum() <= bound + 1e-6


@given(kinds, contexts, st.data())
@settings(max_examples=50, deadline=None)
def test_gold_answers_lie_where_a_signal_about_them_would(kind: str, context: str, data: st.DataObject) -> None:
    """A teacher that is certain of the answer's first and last character is read as the gold positions."""
    begin = data.draw(st.integers(0, len(context) - 1))
    end = data.draw(st.integers(begin + 1, len(context)))
    answer = context[begin:end]
    assume(answer == answer.strip() and answer)
    labelled = QAExample("1", context, "Где?", (Answer(answer, begin),))
    windows = cut_windows([labelled], tokenizer(kind), NARROW)
    certain = of_masses({begin: 1.0}, {end - 1: 1.0})
    items = taught([labelled], windows, Held([labelled], certain), 1.0)
    read = read_rows(items, 1.0).argmax(-1).numpy()
    for row in range(len(windows)):
        null = windows.null[row]
        assert items.positions[row][0] <= items.positions[row][1]
        if read[row][0] > read[row][1] > null:  # one character that no token covers, halfway between two
            assert items.positions[row].tolist() == [read[row][0]] * 2
        elif null in read[row]:
            assert items.positions[row].tolist() == [null, null]
        else:
            assert items.positions[row].tolist() == read[row].tolist()
            spans = windows.spans[windows.slice_of(row)]
            first, last = spans[read[row]]
            if first[0] <= begin < first[1]:
                # Of tokens that share the letter the one that begins last, of several the first; and the other way round.
                sharing = np.flatnonzero((spans[:, 0] <= begin) & (begin < spans[:, 1]))
                assert first[0] == spans[sharing, 0].max()
                assert not (spans[sharing[sharing < read[row][0]], 0] == first[0]).any()
            if last[0] < end <= last[1]:
                sharing = np.flatnonzero((spans[:, 0] < end) & (end <= spans[:, 1]))
                assert last[1] == spans[sharing, 1].min()
                assert not (spans[sharing[sharing > read[row][1]], 1] == last[1]).any()


def test_cyrillic_split_into_bytes_starts_at_the_first_token_and_ends_at_the_last() -> None:
    context = "да ЪЩ да"
    begin = context.index("ЪЩ")
    labelled = QAExample("1", context, "?", (Answer("ЪЩ", begin),))
    windows = cut_windows([labelled], tokenizer("byte-level bpe"), WIDE)
    items = labels([labelled], windows)
    of_first = np.flatnonzero(windows.support & (windows.spans[:, 0] == begin))
    of_last = np.flatnonzero(windows.support & (windows.spans[:, 1] == begin + 2))
    assert len(of_first) > 1
    assert len(of_last) > 1
    assert items.positions[0].tolist() == [of_first[0], of_last[-1]]


def test_an_answer_that_no_token_covers_does_not_end_before_it_starts() -> None:
    context = "ч\ufeffч"  # the mark is dropped, and the letters are two tokens
    labelled = QAExample("1", context, "?", (Answer("\ufeff", 1),))
    windows = cut_windows([labelled], tokenizer("wordpiece"), WIDE)
    assert windows.spans[windows.support].tolist() == [[0, 1], [2, 3]]
    items = labels([labelled], windows)
    assert items.positions[0].tolist() == [np.flatnonzero(windows.support)[1]] * 2


def test_an_answer_outside_a_window_is_null_there_and_so_is_the_teachers_mass() -> None:
    context = " ".join(f"слово{number}" for number in range(40))
    begin = context.index("слово39")
    labelled = QAExample("1", context, "?", (Answer("слово39", begin),))
    unanswerable = QAExample("2", context, "?", ())
    unlabelled = QAExample("3", context, "?", None)
    windows = cut_windows([labelled, unanswerable, unlabelled], tokenizer("wordpiece"), NARROW)
    certain = of_masses(*[{begin: 1.0}, {len(context) - 1: 1.0}] * 3)
    held = Held([labelled, unanswerable, unlabelled], certain)
    items = taught([labelled, unanswerable, unlabelled], windows, held, 2.0)
    first, second, third = (np.flatnonzero(windows.example == number) for number in range(3))
    assert len(first) > 2
    assert (items.positions[first[:-1]] == windows.null[first[:-1], None]).all()
    assert (items.positions[first[-1]] != windows.null[first[-1]]).all()
    assert (items.positions[second] == windows.null[second, None]).all()
    assert (items.positions[third] == -1).all()
    signals = read_rows(items, 2.0).numpy()
    assert signals[first[:-1], :, 0] == pytest.approx(1)
    assert signals[first[-1], [0, 1], items.positions[first[-1]]] == pytest.approx(1)
    assert moved_mass([labelled, unanswerable, unlabelled], windows, held) == 0


def test_without_temperatures_no_signal_is_read() -> None:
    example = QAExample("1", "Да.", "?", None)
    items = taught([example], cut_windows([example], tokenizer("unigram"), WIDE), Held([], concat([])))
    assert items.signals is None
    assert items.targets(np.asarray([0]), True, choice=0).signals == {}


def test_signals_read_as_they_come_are_those_read_beforehand_and_asked_for_once() -> None:
    examples = [QAExample(str(number), f"Пётр {number} да Йозеф. " * number, "Где?", None) for number in range(1, 5)]
    held = outputs(examples, "unigram", WIDE, 0, 3.0)
    windows = cut_windows(examples, tokenizer("wordpiece"), NARROW)
    assert len(windows) > len(examples)
    whole = taught(examples, windows, Held(examples, held), 1.0, 2.0)
    source = Held(examples, held)
    coming = taught(examples, windows, source, 1.0, 2.0, eager=False)
    assert not source.asked
    batches = [np.asarray([0, 2]), np.asarray([1])]
    assert coming.signals is not None
    coming.signals.prefetch(batches)
    assert source.heard == [[examples[windows.example[row]].id for row in rows] for rows in batches]
    for rows in (*batches, np.arange(len(windows))[::-1], *batches):
        expected, found = (items.targets(rows, True, choice=0).signals for items in (whole, coming))
        assert all(torch.equal(found[temperature], expected[temperature]) for temperature in (1.0, 2.0))
    # Once a batch in which there are new windows about it.
    first = [set(windows.example[[0, 2]]), set(windows.example[[1]]), set(windows.example[3:])]
    assert source.asked == {example.id: sum(at in part for part in first) for at, example in enumerate(examples)}
    coming.signals.prefetch(batches)
    assert source.heard == [[], []]


def test_moved_mass_is_the_share_on_characters_that_no_token_covers() -> None:
    context = "ч\ufeffч"  # the mark is dropped
    example = QAExample("1", context, "?", None)
    windows = cut_windows([example], tokenizer("wordpiece"), WIDE)
    signal = of_masses({0: 0.7, 1: 0.2, NULL: 0.1}, {2: 0.9, NULL: 0.1})
    assert moved_mass([example], windows, Held([example], signal)) == pytest.approx(0.2 / 2)
