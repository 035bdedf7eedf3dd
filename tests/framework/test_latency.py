"""Latencies by a clock that the models themselves move on."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch

from distil.framework.latency import Latency, measure_side_by_side
from distil.framework.tasks.span_qa.data import QAExample

EXAMPLES = [QAExample(str(number), "контекст", "вопрос?", None) for number in range(40)]


@dataclass
class Machine:
    """A clock, and models for which a question takes so many seconds of it, `pace` times as many. seen: who answered what;
    opened: who was opened."""

    pace: Callable[[int], float] = lambda answers: 1.0
    now: float = 0.0
    seen: list[tuple[str, str]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    def model(self, name: str, seconds: float) -> Callable[[], Callable[[QAExample], None]]:
        def answer(example: QAExample) -> None:
            self.now += seconds * self.pace(len(self.seen))
            self.seen.append((name, example.id))

        def opening() -> Callable[[QAExample], None]:
            self.opened.append(name)
            return answer

        return opening

    def measured(self, seconds: dict[str, float], keep: bool = True, warmup: int = 2) -> dict[str, Latency]:
        opening = {name: self.model(name, takes) for name, takes in seconds.items()}
        return measure_side_by_side(opening, EXAMPLES, warmup, keep=keep, clock=lambda: self.now)


def test_every_model_answers_every_question_once_in_rounds_after_some_that_do_not_count() -> None:
    machine = Machine()
    found = machine.measured({"a": 0.002, "b": 0.003, "c": 0.005})
    assert {name: latency.questions for name, latency in found.items()} == {"a": 40, "b": 40, "c": 40}
    assert [round(latency.median_ms, 6) for latency in found.values()] == [2.0, 3.0, 5.0]
    assert sorted(machine.opened) == ["a", "b", "c"]
    runs = [machine.seen[0][0]]
    for name, _ in machine.seen:
        if name != runs[-1]:
            runs.append(name)
    assert 17 <= len(runs) <= 24  # two turns of a model may follow each other, at the edge of two rounds
    first, later = machine.seen[:21], machine.seen[21:]  # in the first round two do not count, and five do
    assert [name for name, _ in first] == [name for name in runs[:3] for _ in range(7)]
    assert [id for _, id in first[:7]] == ["0", "1", *"01234"]
    assert [id for _, id in later[:6]] == ["5", *"56789"]
    rounds = [later[begin : begin + 18] for begin in range(0, len(later), 18)]
    assert len(rounds) == 7
    orders = [tuple(dict.fromkeys(name for name, _ in one)) for one in rounds]
    assert {len(order) for order in orders} == {3}, "all models have a turn in every round"
    assert len(set(orders)) > 1, "the order is drawn anew in every round"


def test_a_machine_that_grows_slower_slows_all_models_alike() -> None:
    """One after the other, the second of two equal models would seem to take twice as long."""
    found = Machine(pace=lambda answers: 1.0 + answers / 60).measured({"a": 0.01, "b": 0.01})
    one, other = found["a"], found["b"]
    assert abs(one.median_ms - other.median_ms) < one.q3_ms - one.q1_ms


def test_the_spread_is_that_of_the_times() -> None:
    times = iter(range(1, 6))  # milliseconds
    machine = Machine()

    def opening() -> Callable[[QAExample], None]:
        return lambda example: setattr(machine, "now", machine.now + next(times) / 1000)

    (found,) = measure_side_by_side({"": opening}, EXAMPLES[:5], 0, clock=lambda: machine.now).values()
    assert (found.q1_ms, found.median_ms, found.q3_ms, found.p95_ms) == pytest.approx((2.0, 3.0, 4.0, 4.8))


def test_models_without_room_beside_each_other_are_open_one_at_a_time() -> None:
    machine = Machine()
    found = machine.measured({"a": 0.002, "b": 0.003}, keep=False)
    assert sorted(machine.opened) == ["a", "a", "b", "b"]
    assert sorted(machine.opened[:2]) == ["a", "b"]
    assert [latency.questions for latency in found.values()] == [40, 40]
    assert len(machine.seen) == 2 * (40 + 2 * 2)


def test_threads_are_as_they_were_afterwards_whatever_happens() -> None:
    before, seen = torch.get_num_threads(), []

    def answer(example: QAExample) -> None:
        seen.append(torch.get_num_threads())
        raise RuntimeError(f"no answer to {example.id}")

    with pytest.raises(RuntimeError, match="no answer to 0"):
        measure_side_by_side({"": lambda: answer}, EXAMPLES, threads=before + 1)
    assert seen == [before + 1]
    assert torch.get_num_threads() == before


def test_needs_a_question() -> None:
    with pytest.raises(ValueError, match="at least one example"):
        measure_side_by_side({"": lambda: lambda example: None}, [])
