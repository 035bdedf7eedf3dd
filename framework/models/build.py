"""Initial models, with pretrained or with random weights, and saving models."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distil.framework.errors import ModelError, first_line
from distil.framework.files import read_json, write_json
from distil.framework.manifest import check_saved
from distil.framework.models.bounds import check_room, count_parameters
from distil.framework.models.kind import ModelKind, from_config
from distil.framework.models.locate import count_saved
from distil.framework.models.tokenizers import tell_special_tokens

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

_BODY = ("shared.", "encoder.", "decoder.")  # of models such as T5, which keep theirs under no common name


def random_model(task: ModelKind, config: "PreTrainedConfig", seed: int) -> "PreTrainedModel":
    """A model with random weights, the same from the same seed. Raises ModelError if the task has no such model."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = from_config(task, config)
    _check_finite(model, f"a {config.model_type} model of this configuration begins with weights that are no numbers")
    return model


def pretrained_model(
    task: ModelKind, folder: Path, seed: int | None = None, head: Mapping[str, Any] | None = None
) -> "PreTrainedModel":
    """The model in `folder` in float32. A head that it lacks gets random weights from the seed; without one it is an error.

    head: fields of the configuration of a new head, which takes the place of one of another size.

    Raises ModelError, StoreError for files that are not as distil wrote them.
    """
    import torch

    from distil.framework.models.attention import pad_for_attention

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


def _check_finite(model: "PreTrainedModel", problem: str) -> None:
    """Raise ModelError, naming the tensor, where a model cannot compute anything."""
    import torch

    for name, parameter in model.named_parameters():
        if parameter.is_floating_point() and parameter.numel():
            least, most = torch.aminmax(parameter.detach())
            if not (torch.isfinite(least) and torch.isfinite(most)):
                raise ModelError(f"{problem}: {name} holds NaN or infinity")


def save_model(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerFast", folder: Path) -> None:
    """Save model (safetensors) and tokenizer together in Hugging Face form; a generator is told its special tokens."""
    if getattr(model, "generation_config", None) is not None:
        tell_special_tokens(model, tokenizer)
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def save_weights(model: "PreTrainedModel", weights: "dict[str, Tensor]", folder: Path) -> None:
    """Save a model (safetensors) with other weights than its own; its configuration says what kind of numbers these are."""
    model.save_pretrained(str(folder), state_dict=weights)
    kinds = {str(weight.dtype).removeprefix("torch.") for weight in weights.values() if weight.is_floating_point()}
    path = folder / "config.json"
    config = read_json(path)
    if len(kinds) == 1 and config.get("dtype") not in kinds:
        write_json(path, {**config, "dtype": kinds.pop()})


def planned_parameters(task: ModelKind, config: "PreTrainedConfig") -> int:
    """Parameters of a model of this configuration, without memory for them. Raises ModelError if there is no such model."""
    import torch

    with torch.device("meta"):
        return count_parameters(from_config(task, config))
