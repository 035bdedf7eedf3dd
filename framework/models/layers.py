"""A model with some of the layers of another one."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from framework.errors import ModelError, first_line
from framework.models.build import field_name, from_config
from framework.models.weightless import weightless_model

if TYPE_CHECKING:
    from framework.models.kind import ModelKind

_LAYER = re.compile(r"^(.*?\.(?:layers?|h|blocks?)\.)(\d+)(\..*)$")
_OF_EACH_LAYER = ("layer_types", "mlp_layer_types", "attention_window", "no_rope_layers")


def copy_layers(task: "ModelKind", teacher: Any, layers: list[int]) -> Any:
    """A model like `teacher` with only the given layers of its encoder; the rest is copied whole.

    Raises ModelError as check_layers does.
    """
    config = copy_layers_config(teacher.config, layers)
    weights = teacher.state_dict()
    student = from_config(task, config)
    origins = _origins(teacher.config, weights, student.state_dict(), layers)
    student.load_state_dict({name: weights[origin] for name, origin in origins.items()})
    return student


def check_layers(task: "ModelKind", config: Any, layers: list[int]) -> None:
    """Refuse layers that cannot be copied from a model of this configuration, without building it. Raises ModelError for a
    layer that the teacher does not have, or an architecture without numbered layers that are alike."""
    student = weightless_model(task, copy_layers_config(config, layers))
    _origins(config, weightless_model(task, config).state_dict(), student.state_dict(), layers)


def copy_layers_config(config: Any, layers: list[int]) -> Any:
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
            f"cannot give a {config.model_type} model {len(layers)} layers ({first_line(error)}); use another kind of student"
        ) from None


def _origins(config: Any, teacher: Iterable[str], student: Mapping[str, Any], layers: list[int]) -> dict[str, str]:
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
