"""Initial models, with pretrained or with random weights, and saving models."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distil.framework.errors import ModelError, first_line
from distil.framework.extras import need
from distil.framework.files import read_json, write_json
from distil.framework.manifest import check_saved
from distil.framework.models.adapters import check_saved_adapters, has_adapters, merged, save_adapters
from distil.framework.models.bounds import check_room, count_parameters
from distil.framework.models.configuration import read_config
from distil.framework.models.formats import (
    WeightFormat,
    check_quantised_already,
    compute_alike_everywhere,
    is_quantised,
)
from distil.framework.models.heads import head_modules, is_of_head
from distil.framework.models.kind import ModelKind, from_config
from distil.framework.models.locate import count_saved, weight_files
from distil.framework.models.tokenizers import tell_special_tokens

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast


def random_model(task: ModelKind, config: "PreTrainedConfig", seed: int) -> "PreTrainedModel":
    """A model with random weights, the same from the same seed. Raises ModelError if the task has no such model."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = from_config(task, config)
    _check_finite(model, f"a {config.model_type} model of this configuration begins with weights that are no numbers")
    return model


def pretrained_model(
    task: ModelKind,
    folder: Path,
    seed: int | None = None,
    head: Mapping[str, Any] | None = None,
    weights: WeightFormat | None = None,
) -> "PreTrainedModel":
    """The model in `folder`. A head that it lacks gets random weights from the seed; without one it is an error.

    head: fields of the configuration of a new head, which takes the place of one of another size; weights: the format that they are
    loaded in, at once, without a detour by another one, None: that in which they are saved.

    Raises ModelError, StoreError for files that are not as distil wrote them.
    """
    import torch

    from distil.framework.models.attention import pad_for_attention

    check_saved(folder)
    check_saved_adapters(folder)
    check_room(saved_bytes(folder, weights), f"the model in {folder}")
    loading_as = _loading(task, folder, weights)
    safe = any(folder.glob("*.safetensors"))
    with torch.random.fork_rng():
        torch.manual_seed(seed or 0)
        try:
            model, loading = task.model_class().from_pretrained(
                str(folder),
                trust_remote_code=False,
                use_safetensors=safe,
                weights_only=True,
                **loading_as,
                # Some configurations ask for all that a model computes inside, which quick attention does not keep.
                output_attentions=False,
                output_hidden_states=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are refused below, by name
                **(head or {}),
            )
        except Exception as error:
            raise ModelError(f"cannot load a model for task {task.kind} from {folder}: {first_line(error)}") from None
    compute_alike_everywhere(model)
    pad_for_attention(task, model)
    body = sorted(name for name in loading["missing_keys"] if not is_of_head(model, name))
    if body:
        raise ModelError(
            f"the weights in {folder} are not those of a whole {model.config.model_type} model: {len(body)} tensors such as "
            f"{body[0]} are missing; only a task's head may be new"
        )
    for name, found, expected in sorted(loading["mismatched_keys"]):
        if head and is_of_head(model, name) and ".pooler." not in name:
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


def _loading(task: ModelKind, folder: Path, weights: WeightFormat | None) -> dict[str, object]:
    """How transformers is to hold what it reads. Raises ModelError, and MissingPackageError for a package that is not here."""
    import torch

    from distil.framework.device import default_device

    stored = is_quantised(folder)
    if weights is not None:
        check_quantised_already(folder, weights)
    if not stored and (weights is None or weights.quantization is None):
        return {"dtype": "auto" if weights is None else weights.torch_dtype}
    need(f"the model in {folder}, whose weights are quantised,", "bitsandbytes", "accelerate")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells of every product that it rounds
    loading: dict[str, object] = {
        "device_map": {"": default_device()},
        "dtype": "auto" if weights is None else weights.torch_dtype,
    }
    if not stored and weights is not None:
        with torch.device("meta"):
            whole = head_modules(from_config(task, read_config(folder)))
        loading["quantization_config"] = weights.settings(whole)
    return loading


def saved_bytes(folder: Path, weights: WeightFormat | None) -> float:
    """Bytes that the safetensors of a folder take once they are loaded in a format, None: in that in which they are saved."""
    if weights is None or is_quantised(folder):
        return sum(_bytes_of_numbers(path) for path in weight_files(folder) if path.is_file())
    return weights.bytes * count_saved(folder)


def _bytes_of_numbers(path: Path) -> int:
    """Bytes of a safetensors file behind its header, whose length the first eight tell."""
    with path.open("rb") as file:
        return max(0, path.stat().st_size - 8 - int.from_bytes(file.read(8), "little"))


def _check_finite(model: "PreTrainedModel", problem: str) -> None:
    """Raise ModelError, naming the tensor, where a model cannot compute anything."""
    import torch

    for name, parameter in model.named_parameters():
        if parameter.is_floating_point() and parameter.numel():
            least, most = torch.aminmax(parameter.detach())
            if not (torch.isfinite(least) and torch.isfinite(most)):
                raise ModelError(f"{problem}: {name} holds NaN or infinity")


def save_model(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerFast", folder: Path, ends: Sequence[int] = ()
) -> None:
    """Save model (safetensors) and tokenizer together in Hugging Face form; a generator is told its special tokens, and others, `ends`, that
    end what it writes, too."""
    if getattr(model, "generation_config", None) is not None:
        tell_special_tokens(model, tokenizer, ends)
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def save_weights(model: "PreTrainedModel", weights: "dict[str, Tensor]", folder: Path) -> None:
    """Save a model (safetensors) with other weights than its own; its configuration says what kind of numbers these are.

    Adapters are merged into the weights. Where these are quantised, adapters are saved beside them instead, as the model has them.
    """
    if has_adapters(model) and getattr(model, "is_quantized", False):
        save_adapters(model, folder)
        return
    if has_adapters(model):
        weights = merged(model, weights)
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
