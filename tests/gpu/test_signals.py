"""What an encoder says on a GPU, against what it says on a CPU."""

import numpy as np
import pytest

from tests.gpu.reference import Reference, ask, divergences

# Mean KL divergence in nats.
FROM_THE_CPU = {"fp32": 1e-6, "bf16": 1e-2}
FROM_ASKED_ALONE = {"fp32": 1e-7, "bf16": 1e-3}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_signals_are_those_of_the_cpu(known: Reference, precision: str) -> None:
    asked = known.asked["teacher"]
    found = ask(asked.by, precision)
    apart = divergences(asked.signals, found.signals)
    assert np.isfinite(apart).all()
    assert apart.mean() < FROM_THE_CPU[precision]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_is_said_of_a_question_hardly_depends_on_what_else_is_asked(known: Reference, precision: str) -> None:
    asked = known.asked["teacher"]
    one, all_of_them = ask(asked.by, precision, 1), ask(asked.by, precision)
    apart = divergences(one.signals, all_of_them.signals.take(np.arange(1)))
    assert abs(apart).max() < FROM_ASKED_ALONE[precision]
