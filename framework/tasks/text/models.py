"""Which of transformers' classes a model of texts is."""

from typing import TYPE_CHECKING

from distil.framework.tasks.base import Own

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel


class _Mapping:
    """From the class of a configuration to those of models, as transformers' mappings are."""

    def __getitem__(self, kind: "type[PreTrainedConfig]") -> "list[type[PreTrainedModel]]":
        from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

        mappings = (AutoModelForCausalLM._model_mapping, AutoModelForSeq2SeqLM._model_mapping)
        found = [mapping[kind] for mapping in mappings if kind in mapping]
        if not found:
            raise KeyError(kind)
        return found


class AutoModelForTexts:
    """As transformers' Auto classes are: AutoModelForSeq2SeqLM of an encoder-decoder, else AutoModelForCausalLM."""

    _model_mapping = _Mapping()

    @classmethod
    def from_config(cls, config: "PreTrainedConfig", **options: object) -> "PreTrainedModel":
        """A model with random weights."""
        model: PreTrainedModel = _class_of(config).from_config(config, **options)
        return model

    @classmethod
    def from_pretrained(cls, folder: str, **options: object) -> "PreTrainedModel":
        """The model in a folder."""
        from transformers import AutoConfig

        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        return _class_of(config).from_pretrained(folder, **options)


def _class_of(config: "PreTrainedConfig") -> Own:
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    return AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM


def writes_texts(config: "PreTrainedConfig") -> bool:
    """Whether a model of this configuration writes: a decoder, or an encoder-decoder."""
    from transformers.models.auto import modeling_auto as names

    from distil.framework.models.kind import decodes_only

    if config.is_encoder_decoder:
        return config.model_type in names.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES
    return decodes_only(config.model_type) or bool(getattr(config, "is_decoder", False))
