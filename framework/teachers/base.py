"""What a teacher is to the rest of distil: a name for its weights and something that writes signals."""

from typing import Any, Protocol

from framework.data.windows_section import WindowSettings
from framework.training.section import Training


class Teacher(Protocol):
    """A recipe's teacher section. `architecture` tells how its model is built, run and read."""

    kind: Any
    model: Any
    tokenizer: Any
    fine_tune: Training | None
    split: str
    windows: WindowSettings | None
