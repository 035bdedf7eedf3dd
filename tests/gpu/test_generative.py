"""An encoder-decoder and a decoder: trained and asked, against the CPU's."""

from pathlib import Path

import numpy as np
import pytest

from tests.gpu.reference import Reference, ask, check_losses, divergences, losses_of, train

WRITERS = ["t5", "gpt2"]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_losses_are_those_of_the_cpu(known: Reference, tmp_path: Path, name: str, precision: str) -> None:
    writer = known.trained[name]
    rows, _ = train(writer.job, tmp_path, precision)
    check_losses(losses_of(rows), writer.losses, precision)


@pytest.mark.parametrize("name", WRITERS)
def test_signals_are_those_of_the_cpu(known: Reference, name: str) -> None:
    asked = known.asked[name]
    apart = divergences(asked.signals, ask(asked.by).signals)
    # Where two answers are about as probable, a search may go on with the other one.
    assert np.median(apart) < 1e-4
    assert (apart < 1e-2).mean() >= 0.9
