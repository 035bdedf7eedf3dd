"""What a teacher is to the rest of distil."""

from typing import Any, Protocol

from framework.data.windows_section import WindowSettings
from framework.training.section import Training


class Teacher(Protocol):
    """A recipe's teacher section: its model, how that is fine-tuned, if at all, and the windows through which it reads."""

    kind: Any
    model: Any
    tokenizer: Any
    fine_tune: Training | None
    split: str
    windows: WindowSettings | None
