import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from framework.tasks.span_qa.synthetic.section import Synthetic
from tests.questions import readers


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"examples": {}}, "at least one split"),
        ({"examples": {"train": 0}}, "greater than or equal to 1"),
        ({"persons": 9}, "less than or equal to 4"),
        ({"facts": 2, "questions_per_paragraph": 3}, "holds only 2 facts"),
        ({"facts": 12, "unanswerable": 0.5}, "lower facts"),
        ({"examples": {"a": 1}, "label_noise": 0.1}, "names no such split"),
    ],
)
def test_settings_that_cannot_be_met(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Synthetic.model_validate(settings)


def test_readers_give_each_split_its_rows() -> None:
    found = readers(Synthetic(examples={"train": 4, "validation": 2}))
    assert {split: len(read()) for split, read in found.items()} == {"train": 4, "validation": 2}
    assert found["train"]()[0].id == "train-000000"


def test_the_schema_stays_light() -> None:
    heavy = "{'torch', 'transformers', 'datasets', 'pyarrow', 'pandas', 'huggingface_hub'}"
    code = f"import sys, framework.data.section; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
