"""Which of transformers' model classes is meant."""

from typing import Any, Protocol


class ModelKind(Protocol):
    """A task, or a kind of generator: `kind` names it in errors."""

    @property
    def kind(self) -> str:
        """Its name."""

    def model_class(self) -> Any:
        """The transformers Auto class of its models."""
