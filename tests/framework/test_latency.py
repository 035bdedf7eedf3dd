import pytest
import torch

from framework.latency import measure_latency, measure_side_by_side
from framework.tasks.span_qa.data import QAExample

EXAMPLES = [QAExample(str(i), "контекст", "вопрос?", None) for i in range(3)]


def test_every_question_is_timed_once_after_the_warmup() -> None:
    before = torch.get_num_threads()
    seen: list[tuple[str, int]] = []

    def answer(example: QAExample) -> None:
        seen.append((example.id, torch.get_num_threads()))

    latency = measure_latency(answer, EXAMPLES, warmup=4, threads=before + 1)
    assert [name for name, _ in seen] == ["0", "1", "2", "0", "0", "1", "2"]
    assert {threads for _, threads in seen} == {before + 1}
    assert torch.get_num_threads() == before
    assert (latency.questions, latency.threads) == (3, before + 1)
    assert 0.0 < latency.median_ms <= latency.p95_ms


def test_side_by_side_all_take_turns_on_every_question() -> None:
    seen: list[str] = []
    answers = {name: lambda example, name=name: seen.append(name + example.id) for name in "ab"}
    latencies = measure_side_by_side(answers, EXAMPLES, warmup=1)
    assert seen == ["a0", "b0", "a0", "b0", "a1", "b1", "a2", "b2"]
    assert {name: found.questions for name, found in latencies.items()} == {"a": 3, "b": 3}


def test_threads_are_restored_after_an_error() -> None:
    before = torch.get_num_threads()

    def answer(example: QAExample) -> None:
        raise RuntimeError(f"no answer to {example.id}")

    with pytest.raises(RuntimeError, match="no answer to 0"):
        measure_latency(answer, EXAMPLES, warmup=0, threads=before + 1)
    assert torch.get_num_threads() == before


def test_needs_a_question() -> None:
    with pytest.raises(ValueError, match="at least one example"):
        measure_latency(lambda example: None, [], warmup=1)
