"""Initial models: pretrained weights, random weights from a configuration, or another vocabulary's rows."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.errors import ModelError, first_line
from framework.files import read_json, write_json
from framework.manifest import check_saved
from framework.models.bounds import TooLarge, bounded, check_room
from framework.models.folder_files import count_saved
from framework.models.special_tokens import tell_special_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from framework.models.kind import ModelKind

_BODY = ("shared.", "encoder.", "decoder.")  # of models such as T5, which keep theirs under no common name


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
        model = from_config(task, config)
    _check_finite(model, f"a {config.model_type} model of this configuration begins with weights that are no numbers")
    return model


def from_config(task: "ModelKind", config: Any) -> Any:
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


def pretrained_model(
    task: "ModelKind", folder: Path, seed: int | None = None, head: Mapping[str, Any] | None = None
) -> Any:
    """The model in `folder` in float32. A head that it lacks gets random weights from the seed; without one it is an error.

    head: fields of the configuration of a new head, which takes the place of one of another size.

    Raises ModelError, StoreError for files that are not as distil wrote them.
    """
    import torch

    from framework.models.attention import pad_for_attention

    check_saved(folder)
    check_room(count_saved(folder), f"the model in {folder}")
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
                **(head or {}),
            )
        except Exception as error:
            raise ModelError(f"cannot load a model for task {task.kind} from {folder}: {first_line(error)}") from None
    pad_for_attention(task, model)
    prefixes = (f"{model.base_model_prefix}.",) if hasattr(model, model.base_model_prefix) else _BODY
    # Models that were trained on masked words alone have no pooler, which then belongs to the head.
    body = sorted(name for name in loading["missing_keys"] if name.startswith(prefixes) and ".pooler." not in name)
    if body:
        raise ModelError(
            f"the weights in {folder} are not those of a whole {model.config.model_type} model: {len(body)} tensors such as "
            f"{body[0]} are missing; only a task's head may be new"
        )
    for name, found, expected in sorted(loading["mismatched_keys"]):
        if head and not name.startswith(prefixes):
            continue  # of a head for other classes, which gets random weights
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
    result = from_config(task, _config_of_rows(model.config, rows))
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
    fields[field_name(config, "vocab_size")] = len(rows)
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
        return count_parameters(from_config(task, config))


def field_name(config: Any, name: str) -> str:
    """The name that an architecture has for a field of configurations (DistilBERT: n_layers for num_hidden_layers)."""
    return str(getattr(config, "attribute_map", {}).get(name, name))
