"""What was read into a student's windows is read once."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from framework.errors import StoreError
from framework.signals.algebra import Signals
from framework.signals.shards import SignalReader
from framework.tasks.span_qa.example import QAExample
from framework.training.distillation import Distillation
from framework.training.items import EagerSignals
from framework.training.objective import Objective
from tests.framework.signals.made_up import assert_same
from tests.tiny import model_of, several_values, watched_run


def columns(objective: Objective) -> dict[float, Sequence[Signals]]:
    assert isinstance(objective, Distillation)
    assert isinstance(objective.items.signals, EagerSignals)
    return dict(objective.items.signals.columns)


def test_a_second_trial_reads_nothing_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a rule with alternatives, all of them; other windows, temperatures and tokenizers are other results."""
    asked: list[str] = []
    original = SignalReader.signals

    def counted(reader: SignalReader, examples: Sequence[QAExample]) -> Signals:
        asked.extend(example.id for example in examples)
        return original(reader, examples)

    monkeypatch.setattr(SignalReader, "signals", counted)
    values = several_values(tmp_path, teachers__c=None, ensemble={"rule": "sampled"})
    first, taught = watched_run(values)
    assert asked
    asked.clear()
    values["student"]["lr"] = 0.02
    second, taught_again = watched_run(values)
    assert asked == []
    one, other = model_of(first, "student"), model_of(second, "student")
    assert one["digest"] != other["digest"]
    assert one["training"]["weights"] == other["training"]["weights"]
    read, kept = columns(taught[one["digest"]]), columns(taught_again[other["digest"]])
    assert {temperature: len(found) for temperature, found in kept.items()} == {2.0: 2}
    for alternative, again in zip(read[2.0], kept[2.0], strict=True):
        assert_same(alternative, again)

    (path,) = tmp_path.glob("store/targets/*/targets.safetensors")
    path.write_bytes(path.read_bytes()[:-1] + b"\0\0")
    values["student"]["lr"] = 0.03
    with pytest.raises(StoreError, match=r"targets\.safetensors"):
        watched_run(values)
