"""Initial models: pretrained weights, random weights from a configuration, or parts of another model."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.errors import ModelError, first_line
from framework.files import read_json, write_json
from framework.manifest import check_saved
from framework.models.bounds import TooLarge, bounded
from framework.models.special_tokens import tell_special_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from framework.models.kind import ModelKind

_BODY = ("shared.", "encoder.", "decoder.")  # of models such as T5, which keep theirs under no common name
_LAYER = re.compile(r"^(.*?\.(?:layer|layers|h|block)\.)(\d+)(\..*)$")


def read_config(folder: Path) -> Any:
    """The configuration of the model in `folder`. Raises ModelError if transformers does not know it."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    except Exception as error:  # transformers raises whatever its parsers raise
        raise ModelError(f"no usable config.json in {folder}: {first_line(error)}") from None


def forced_start(folder: Path) -> int | None:
    """The token with which all that the generator in `folder` writes has to begin, if there is one."""
    from transformers import GenerationConfig

    if (folder / "generation_config.json").is_file():
        settings = GenerationConfig.from_pretrained(str(folder))
    else:
        settings = GenerationConfig.from_model_config(read_config(folder))
    return settings.forced_bos_token_id  # type: ignore[no-any-return]


def random_model(task: "ModelKind", config: Any, seed: int) -> Any:
    """A model with random weights, the same from the same seed. Raises ModelError if the task has no such model."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = _from_config(task, config)
    _check_finite(model, f"a {config.model_type} model of this configuration begins with weights that are no numbers")
    return model


def _from_config(task: "ModelKind", config: Any) -> Any:
    try:
        with bounded():
            return task.model_class().from_config(config, trust_remote_code=False)
    except TooLarge:
        raise
    except Exception as error:  # each architecture checks its configuration in its own way
        raise ModelError(
            f"cannot build a {config.model_type} model for task {task.kind}: {first_line(error)}"
        ) from None


def pretrained_model(task: "ModelKind", folder: Path, seed: int | None = None) -> Any:
    """The model in `folder` in float32. A head that it lacks gets random weights from the seed; without one it is an error.

    Raises ModelError, StoreError for files that are not as distil wrote them.
    """
    import torch

    check_saved(folder)
    safe = any(folder.glob("*.safetensors"))
    with torch.random.fork_rng():
        torch.manual_seed(seed or 0)
        try:
            model, loading = task.model_class().from_pretrained(
                str(folder),
                trust_remote_code=False,
                use_safetensors=safe,
                weights_only=True,
                dtype=torch.float32,
                # Some configurations ask for all that a model computes inside, which quick attention does not keep.
                output_attentions=False,
                output_hidden_states=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are refused below, by name
            )
        except Exception as error:
            raise ModelError(f"cannot load a model for task {task.kind} from {folder}: {first_line(error)}") from None
    prefixes = (f"{model.base_model_prefix}.",) if hasattr(model, model.base_model_prefix) else _BODY
    body = sorted(name for name in loading["missing_keys"] if name.startswith(prefixes))
    if body:
        raise ModelError(
            f"the weights in {folder} are not those of a whole {model.config.model_type} model: {len(body)} tensors such as "
            f"{body[0]} are missing; only a task's head may be new"
        )
    for name, found, expected in sorted(loading["mismatched_keys"]):
        raise ModelError(
            f"the weights in {folder} do not fit its config.json: {name} is {list(found)}, expected {list(expected)}"
        )
    if seed is None and loading["missing_keys"]:
        raise ModelError(
            f"the model in {folder} was not trained for task {task.kind}: it has no {min(loading['missing_keys'])}, and "
            "random weights know nothing; fine-tune it, or take another"
        )
    _check_finite(model, f"the weights in {folder} are damaged; take a sound copy")
    return model


def _check_finite(model: Any, problem: str) -> None:
    """Raise ModelError, naming the tensor, where a model cannot compute anything."""
    import torch

    for name, parameter in model.named_parameters():
        if parameter.is_floating_point() and parameter.numel():
            least, most = torch.aminmax(parameter.detach())
            if not (torch.isfinite(least) and torch.isfinite(most)):
                raise ModelError(f"{problem}: {name} holds NaN or infinity")


def copy_layers(task: "ModelKind", teacher: Any, layers: list[int]) -> Any:
    """A model like `teacher` with only the given layers of its encoder; the rest is copied whole.

    Raises ModelError for a layer that the teacher does not have, or an architecture without numbered layers.
    """
    count = int(teacher.config.num_hidden_layers)
    config = copy_layers_config(teacher.config, layers)
    wanted = [layer + count if layer < 0 else layer for layer in layers]
    weights: dict[str, Any] = {}
    for name, tensor in teacher.state_dict().items():
        match = _LAYER.match(name)
        if match is None:
            weights[name] = tensor
            continue
        for new, old in enumerate(wanted):
            if int(match[2]) == old:
                weights[f"{match[1]}{new}{match[3]}"] = tensor
    student = _from_config(task, config)
    if set(weights) != set(student.state_dict()):
        raise ModelError(f"cannot tell the layers of a {config.model_type} model apart; use another kind of student")
    student.load_state_dict(weights)
    return student


def copy_layers_config(config: Any, layers: list[int]) -> Any:
    """The configuration of a copy with these layers. Raises ModelError for a layer, or a configuration, that cannot be."""
    count = int(config.num_hidden_layers)
    wrong = [layer for layer in layers if not -count <= layer < count]
    if wrong:
        raise ModelError(f"student.model.layers: {wrong} asked for, but the teacher's layers are 0 to {count - 1}")
    fields = {**config.to_dict(), _field(config, "num_hidden_layers"): len(layers)}
    if fields.get("layer_types") is not None:
        fields["layer_types"] = [fields["layer_types"][layer] for layer in layers]
    try:
        return config.__class__.from_dict(fields)
    except Exception as error:  # each architecture checks its configuration in its own way
        raise ModelError(
            f"cannot give a {config.model_type} model {len(layers)} layers ({first_line(error)}); use another kind of student"
        ) from None


def copy_rows(task: "ModelKind", model: Any, rows: list[int]) -> Any:
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
    result = _from_config(task, _config_of_rows(model.config, rows))
    shapes = {name: tensor.shape for name, tensor in result.state_dict().items()}
    weights = {}
    for name, tensor in model.state_dict().items():
        weights[name] = tensor if tensor.shape == shapes.get(name) else tensor[rows]
        if weights[name].shape != shapes.get(name) or (tensor.shape != shapes[name] and len(tensor) != size):
            raise ModelError(f"cannot tell {name} of a {kind} model from its vocabulary; leave that as it is")
    result.load_state_dict(weights)
    return result


def _config_of_rows(config: Any, rows: list[int]) -> Any:
    numbers: dict[int | None, int] = {row: number for number, row in enumerate(rows)}
    fields = config.to_dict()
    for name in fields:
        if name.endswith("_token_id"):
            one = fields[name]
            fields[name] = [numbers[of] for of in one if of in numbers] if isinstance(one, list) else numbers.get(one)
    fields[_field(config, "vocab_size")] = len(rows)
    return config.__class__.from_dict(fields)


def save_model(model: Any, tokenizer: "PreTrainedTokenizerFast", folder: Path) -> None:
    """Save model (safetensors) and tokenizer together in Hugging Face form; a generator is told its special tokens."""
    if getattr(model, "generation_config", None) is not None:
        tell_special_tokens(model, tokenizer)
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def save_weights(model: Any, weights: dict[str, Any], folder: Path) -> None:
    """Save a model (safetensors) with other weights than its own; its configuration says what kind of numbers these are."""
    model.save_pretrained(str(folder), state_dict=weights)
    kinds = {str(weight.dtype).removeprefix("torch.") for weight in weights.values() if weight.is_floating_point()}
    path = folder / "config.json"
    config = read_json(path)
    if len(kinds) == 1 and config.get("dtype") not in kinds:
        write_json(path, {**config, "dtype": kinds.pop()})


def count_parameters(model: Any) -> int:
    """Parameters of a model, shared ones once."""
    return sum(parameter.numel() for parameter in model.parameters())


def planned_parameters(task: "ModelKind", config: Any) -> int:
    """Parameters of a model of this configuration, without memory for them. Raises ModelError if there is no such model."""
    import torch

    with torch.device("meta"):
        return count_parameters(_from_config(task, config))


def _field(config: Any, name: str) -> str:
    """The name that an architecture has for a field of configurations (DistilBERT: n_layers for num_hidden_layers)."""
    return str(getattr(config, "attribute_map", {}).get(name, name))
