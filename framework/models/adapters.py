"""Low-rank adapters (Hu et al., arXiv 2106.09685; on quantised weights: Dettmers et al., arXiv 2305.14314), by way of peft.

They are put into a model in place, so that it is run, measured and saved as before. Saved are whole weights, into which they are
merged; only where these are quantised, and merging would round the adapters away, do adapters lie beside them.
"""

import os
import re
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from distil.framework.errors import ModelError, first_line
from distil.framework.extras import need
from distil.framework.models.formats import is_quantised
from distil.framework.models.heads import head_modules

if TYPE_CHECKING:
    from peft.tuners.lora import LoraLayer
    from torch import Tensor, nn
    from transformers import PreTrainedModel

    from distil.framework.training.section import Lora

ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_NAME = "default"  # of the adapter; peft's own


def add_adapters(module: "nn.Module", lora: "Lora", seed: int) -> None:
    """Let nothing be trained of the model in `module` but adapters, the same from the same seed, and the head, all in float32.

    Raises ModelError for targets that the model does not have.
    """
    import torch
    from peft import LoraConfig, inject_adapter_in_model
    from transformers import PreTrainedModel

    model = next(part for part in module.modules() if isinstance(part, PreTrainedModel))
    heads = head_modules(model)
    names = "|".join(re.escape(name) for name in heads)
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # peft says int, and divides it by the rank
        lora_dropout=lora.dropout,
        target_modules="all-linear" if lora.targets == "auto" else list(lora.targets),
        exclude_modules=rf"({names})(\..*)?" if heads else None,
        modules_to_save=heads or None,
    )
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of GPT-2's layers, which hold matrices the other way round, it says that it has noticed
        torch.manual_seed(seed)
        try:
            inject_adapter_in_model(config, model, _NAME)
        except ValueError as error:
            raise ModelError(
                f"cannot put adapters into a {model.config.model_type} model, lora.targets {lora.targets}: {first_line(error)}"
            ) from None
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    for name, part in model.named_modules():
        if name.endswith(f".modules_to_save.{_NAME}"):
            part.register_forward_pre_hook(_in_float32, with_kwargs=True)


def _in_float32(
    module: "nn.Module", args: tuple[object, ...], named: dict[str, object]
) -> tuple[tuple[object, ...], dict[str, object]]:
    """What a head reads of layers in other numbers than its own."""
    return tuple(_float(value) for value in args), {name: _float(value) for name, value in named.items()}


def _float(value: object) -> object:
    import torch

    if not isinstance(value, torch.Tensor) or value.dtype not in (torch.bfloat16, torch.float16):
        return value
    return value if torch.is_autocast_enabled(value.device.type) else value.float()


def has_adapters(model: "nn.Module") -> bool:
    """Whether `add_adapters` was here, or a model was loaded with adapters beside it."""
    return getattr(model, "peft_config", None) is not None


def merged(model: "PreTrainedModel", weights: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """The weights of a model with adapters as those of one without. weights: of all its modules, on the CPU."""
    whole = dict(weights)
    for name, layer in _adapted(model):
        base = f"{name}.base_layer.weight"
        change = layer.get_delta_weight(_NAME).detach().float().cpu()  # type: ignore[attr-defined]
        whole[base] = (whole[base].float() + change).to(whole[base].dtype)
    dtype = model.dtype
    found = {}
    for name, weight in whole.items():
        if ".lora_" in name or ".original_module." in name:
            continue
        plain = name.replace(".base_layer.", ".").replace(f".modules_to_save.{_NAME}.", ".")
        found[plain] = weight.to(dtype) if weight.is_floating_point() and plain != name else weight
    return found


def _adapted(model: "nn.Module") -> "Iterator[tuple[str, LoraLayer]]":
    from peft.tuners.lora import LoraLayer

    return ((name, layer) for name, layer in model.named_modules() if isinstance(layer, LoraLayer))


def save_adapters(model: "PreTrainedModel", folder: Path) -> None:
    """Save a model whose weights are quantised: those as they are (the same files, where the disk allows it), adapters and head
    beside them. transformers reads both together."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    source = Path(model.name_or_path)
    assert is_quantised(source), source
    folder.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if path.is_file():
            _same_file(path, folder / path.name)
    weights = get_peft_model_state_dict(model, adapter_name=_NAME)
    named = {
        f"base_model.model.{name}": one.detach().cpu().contiguous() for name, one in weights.items()
    }  # as peft names them
    save_file(named, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    (config,) = model.peft_config.values()
    config.base_model_name_or_path = None
    config.save_pretrained(str(folder))


def _same_file(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    if source.suffix == ".safetensors":
        try:
            os.link(source, target)
            return
        except OSError:  # another disk, or one without links
            pass
    shutil.copyfile(source, target)


def check_saved_adapters(folder: Path) -> None:
    """Refuse adapters beside weights that could not be read safely, or not here. Raises ModelError, MissingPackageError."""
    if not (folder / ADAPTER_CONFIG).exists():
        return
    need(f"the model in {folder}, which has adapters,", "peft")
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise ModelError(f"{folder} has {ADAPTER_CONFIG} and no {ADAPTER_WEIGHTS}: only safetensors are read")
