"""Which of transformers' model classes is meant, a task's or a generator's, and models of it with random weights."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from distil.framework.errors import ModelError, first_line
from distil.framework.models.bounds import TooLarge, bounded

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel


class ModelKind(Protocol):
    """A task, or a kind of generator: `kind` names it in errors."""

    @property
    def kind(self) -> str:
        """Its name."""

    def model_class(self) -> Any:
        """The transformers Auto class of its models."""


@dataclass(frozen=True)
class Generator:
    """See ModelKind."""

    encoder_decoder: bool

    @property
    def kind(self) -> str:
        """See ModelKind."""
        return "generative"

    def model_class(self) -> Any:
        """See ModelKind."""
        from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

        return AutoModelForSeq2SeqLM if self.encoder_decoder else AutoModelForCausalLM


def generator_of(config: "PreTrainedConfig") -> Generator:
    """The kind of generator that a model of this configuration is. Raises ModelError if it is none."""
    from transformers.models.auto import modeling_auto as names

    name = config.model_type
    if config.is_encoder_decoder and name in names.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES:
        return Generator(encoder_decoder=True)
    # BERT and its kin are listed as causal too, but look both ways unless told that they decode.
    decodes = decodes_only(name) or (
        name in names.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and getattr(config, "is_decoder", False)
    )
    if not config.is_encoder_decoder and decodes:
        return Generator(encoder_decoder=False)
    raise ModelError(
        f"a {name} model does not write text; a generative teacher needs an encoder-decoder (t5, mt5, bart) or a "
        "decoder (gpt2, llama); for an encoder use kind encoder"
    )


def decodes_only(model_type: str) -> bool:
    """Whether an architecture only decodes, such as GPT-2."""
    from transformers.models.auto import modeling_auto as names

    return (
        model_type in names.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
        and model_type not in names.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    )


def from_config(task: ModelKind, config: "PreTrainedConfig") -> "PreTrainedModel":
    """A model with random weights from torch's global seed. Raises ModelError if the task has no such model."""
    try:
        with bounded():
            return task.model_class().from_config(config, trust_remote_code=False)
    except TooLarge as error:
        raise TooLarge(f"a {config.model_type} model of this configuration is too large: {error}") from None
    except Exception as error:  # each architecture checks its configuration in its own way
        raise ModelError(
            f"cannot build a {config.model_type} model for task {task.kind}: {first_line(error)}"
        ) from None
