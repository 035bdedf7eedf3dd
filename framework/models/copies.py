"""Models made of parts of others: some of their layers, or of their tokens."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from distil.framework.errors import ModelError, first_line
from distil.framework.language.words import count_of
from distil.framework.models.configuration import field_name
from distil.framework.models.kind import ModelKind, from_config
from distil.framework.models.weightless import weightless_model

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

_LAYER = re.compile(r"^(.*?\.(?:layers?|h|blocks?)\.)(\d+)(\..*)$")
_OF_EACH_LAYER = ("layer_types", "mlp_layer_types", "attention_window", "no_rope_layers")


def copy_layers(task: ModelKind, teacher: "PreTrainedModel", layers: list[int]) -> "PreTrainedModel":
    """A model like `teacher` with only the given layers of its encoder; the rest is copied whole.

    Raises ModelError as check_layers does.
    """
    config = copy_layers_config(teacher.config, layers)
    weights = teacher.state_dict()
    student = from_config(task, config)
    origins = _origins(teacher.config, weights, student.state_dict(), layers)
    student.load_state_dict({name: weights[origin] for name, origin in origins.items()})
    return student


def check_layers(task: ModelKind, config: "PreTrainedConfig", layers: list[int]) -> None:
    """Refuse layers that cannot be copied from a model of this configuration, without building it. Raises ModelError for a
    layer that the teacher does not have, or an architecture without numbered layers that are alike."""
    student = weightless_model(task, copy_layers_config(config, layers))
    _origins(config, weightless_model(task, config).state_dict(), student.state_dict(), layers)


def copy_layers_config(config: "PreTrainedConfig", layers: list[int]) -> "PreTrainedConfig":
    """The configuration of a copy with these layers. Raises ModelError for a layer, or a configuration, that cannot be."""
    if config.is_encoder_decoder:
        raise ModelError(
            f"student.model.layers: a {config.model_type} model has layers of an encoder and of a decoder, and numbers do not "
            "say which of them are meant; use another kind of student"
        )
    count = int(config.num_hidden_layers)
    wrong = [layer for layer in layers if not -count <= layer < count]
    if wrong:
        raise ModelError(f"student.model.layers: {wrong} asked for, but the teacher's layers are 0 to {count - 1}")
    fields = {**config.to_dict(), field_name(config, "num_hidden_layers"): len(layers)}
    for name in _OF_EACH_LAYER:
        if isinstance(fields.get(name), list) and len(fields[name]) == count:
            fields[name] = [fields[name][layer] for layer in layers]
    try:
        return config.__class__.from_dict(fields)
    except Exception as error:  # each architecture checks its configuration in its own way
        raise ModelError(
            f"cannot give a {config.model_type} model {count_of(len(layers), 'layer')} ({first_line(error)}); use another kind of student"
        ) from None


def _origins(
    config: "PreTrainedConfig", teacher: Iterable[str], student: Mapping[str, Any], layers: list[int]
) -> dict[str, str]:
    """For each tensor of the student the teacher's that it is copied from. Raises ModelError."""
    count = int(config.num_hidden_layers)
    wanted = [layer % count for layer in layers]
    origins: dict[str, str] = {}
    for name in teacher:
        match = _LAYER.match(name)
        if match is None:
            origins[name] = name
            continue
        for new, old in enumerate(wanted):
            if int(match[2]) == old:
                origins[f"{match[1]}{new}{match[3]}"] = name
    different = sorted(set(origins) ^ set(student))
    if different:
        raise ModelError(
            f"student.model.layers: the layers {layers} of a {config.model_type} model do not make another one: "
            f"{different[0]} would be {'one too many' if different[0] in origins else 'missing'}, as its layers are not numbered "
            "or not alike; keep layer 0 at the beginning, or use another kind of student"
        )
    return origins


def copy_rows(task: ModelKind, model: "PreTrainedModel", rows: list[int]) -> "PreTrainedModel":
    """A model like `model` for a vocabulary of V tokens: its token n is the model's rows[n]. The rest is copied whole.

    rows: [V]. Raises ModelError for an architecture whose embeddings cannot be found, or told from the rest.
    """
    kind, size = model.config.model_type, int(model.config.vocab_size)
    try:
        embedding = model.get_input_embeddings().weight
    except (NotImplementedError, AttributeError):
        embedding = None
    if embedding is None or len(embedding) != size:
        raise ModelError(
            f"cannot find the embeddings of a {kind} model, one row a token; leave its vocabulary as it is"
        )
    result = from_config(task, _config_of_rows(model.config, rows))
    shapes = {name: tensor.shape for name, tensor in result.state_dict().items()}
    weights = {}
    for name, tensor in model.state_dict().items():
        weights[name] = tensor if tensor.shape == shapes.get(name) else tensor[rows]
        if weights[name].shape != shapes.get(name) or (tensor.shape != shapes[name] and len(tensor) != size):
            raise ModelError(f"cannot tell {name} of a {kind} model from its vocabulary; leave that as it is")
    result.load_state_dict(weights)
    return result


def _config_of_rows(config: "PreTrainedConfig", rows: list[int]) -> "PreTrainedConfig":
    numbers: dict[int | None, int] = {row: number for number, row in enumerate(rows)}
    fields = config.to_dict()
    for name in fields:
        if name.endswith("_token_id"):
            one = fields[name]
            fields[name] = [numbers[of] for of in one if of in numbers] if isinstance(one, list) else numbers.get(one)
    fields[field_name(config, "vocab_size")] = len(rows)
    return config.__class__.from_dict(fields)
