"""The two kinds of generator: encoder-decoder, such as T5, and decoder-only, such as GPT."""

from dataclasses import dataclass
from typing import Any

from framework.errors import ModelError


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


def generator_of(config: Any) -> Generator:
    """The kind of generator that a model of this configuration is. Raises ModelError if it is none."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL,
    )
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_MASKED_LM_MAPPING_NAMES as MASKED,
    )
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES as SEQ2SEQ,
    )

    name = config.model_type
    if config.is_encoder_decoder and name in SEQ2SEQ:
        return Generator(encoder_decoder=True)
    # BERT and its kin are listed as causal too, but look both ways unless told that they decode.
    causal = name in CAUSAL and (name not in MASKED or getattr(config, "is_decoder", False))
    if not config.is_encoder_decoder and causal:
        return Generator(encoder_decoder=False)
    raise ModelError(
        f"a {name} model does not write text; a generative teacher needs an encoder-decoder (t5, mt5, bart) or a "
        "decoder (gpt2, llama); for an encoder use kind encoder"
    )
