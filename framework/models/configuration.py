"""Configurations of models: those that a recipe spells out, and those that lie beside weights."""

import inspect
import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distil.framework.config import shortened
from distil.framework.errors import ModelError, first_line
from distil.framework.models.bounds import check_sizes
from distil.framework.models.section import ConfigModel

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

_SIZES = ("vocab_size", "src_vocab_size", "tgt_vocab_size", "decoder_vocab_size", "vocab_size_per_layer_input")
_NUMBERS = tuple(f"{part}_token_id" for part in ("bos", "eos", "cls", "sep", "mask", "decoder_start"))
_PARTS = ("text_config", "encoder", "decoder")
_OF_PARTS = ("model_type", "is_decoder", "add_cross_attention")  # what a part is, unless the recipe says otherwise


def new_config(
    source: ConfigModel, vocab_size: int, pad_id: int, named: Mapping[str, int] | None = None
) -> "PreTrainedConfig":
    """The configuration that a recipe spells out. named: numbers of further tokens, such as ``sep_token_id``.

    Raises ModelError for an unknown architecture or field.
    """
    place = f"config of architecture '{source.architecture}'"
    standard = _standard(source.architecture)
    _check(place, standard, source.config)
    check_sizes(source.config, place)
    known = standard.to_dict()
    given = {name: number for name, number in (named or {}).items() if name in known} | source.config
    if standard.is_encoder_decoder and known.get("decoder_start_token_id") is None:
        given = {"decoder_start_token_id": pad_id} | given
    try:
        return _made(source, _fields(known, given, vocab_size, pad_id, None))
    except Exception as error:  # each architecture checks its fields in its own way
        reason = first_line(error)
    try:
        # Some do not take None for the number of a token.
        return _made(source, _fields(known, given, vocab_size, pad_id, pad_id))
    except Exception:
        raise ModelError(f"{place}: {reason}") from None


def _standard(architecture: str) -> "PreTrainedConfig":
    """An architecture's configuration as transformers has it."""
    from transformers import CONFIG_MAPPING, AutoConfig, __version__

    try:
        return AutoConfig.for_model(architecture)
    except ValueError as error:
        if architecture in CONFIG_MAPPING:
            raise ModelError(
                f"transformers {__version__} has no values of its own for '{architecture}' ({first_line(error)}); use a saved model, "
                "or another architecture"
            ) from None
        raise ModelError(
            f"transformers knows no architecture '{shortened(architecture)}'; expected a model_type such as bert, distilbert, roberta or "
            "electra"
        ) from None


def _made(source: ConfigModel, fields: dict[str, Any]) -> "PreTrainedConfig":
    from transformers import AutoConfig

    return AutoConfig.for_model(source.architecture, **fields)


def _check(place: str, config: "PreTrainedConfig", given: dict[str, Any]) -> None:
    """Refuse fields that `config` does not have, and those that come from the tokenizer; in its parts, too."""
    names = {*config.to_dict(), *getattr(type(config), "attribute_map", {}), *_read_by_code(type(config).__module__)}
    unknown = sorted(set(given) - names)
    if unknown:
        from distil.framework.config import nearest_hint

        raise ModelError(f"{place}: unknown field '{unknown[0]}'; {nearest_hint(unknown[0], sorted(names))}")
    if "dtype" in given:
        raise ModelError(f"{place}: dtype comes from the recipe's engine.precision; drop it")
    foreign = sorted({"pad_token_id", *_SIZES} & set(given))
    if foreign:
        raise ModelError(f"{place}: {', '.join(foreign)} come from the tokenizer; drop them")
    for name in _parts(config.to_dict()):
        part = given.get(name, {})
        if not isinstance(part, dict):
            raise ModelError(f"{place}: {name} is {part!r}; expected the fields of a configuration")
        own = _standard(str(part["model_type"])) if "model_type" in part else getattr(config, name)
        _check(f"{place}: {name}", own, part)


@cache
def _read_by_code(place: str) -> set[str]:
    """Fields that an architecture's code reads although its configuration does not list them, as DeBERTa-v3's. place: the
    configuration's module."""
    try:
        module = import_module(place.replace(".configuration_", ".modeling_"))
        return set(re.findall(r'getattr\((?:self\.)?config, "(\w+)"', inspect.getsource(module)))
    except (ImportError, OSError, TypeError):  # of a package that is not here, or code of the user's
        return set()


def _fields(
    known: dict[str, Any], given: dict[str, Any], vocab_size: int, pad_id: int, nowhere: int | None
) -> dict[str, Any]:
    """The fields `given`, with those that depend on the tokenizer, in all parts that read or write text.

    known: the architecture's own values; nowhere: stands for a token beyond the vocabulary: where an architecture's texts
    begin and end is a number in its own one.
    """
    foreign = {name: nowhere for name in _NUMBERS if _greatest(known.get(name)) >= vocab_size}
    parts = {}
    for name in _parts(known):
        kind = {field: known[name][field] for field in _OF_PARTS if known[name].get(field)}
        parts[name] = {**kind, **_fields(known[name], given.get(name, {}), vocab_size, pad_id, nowhere)}
    sizes = {name: vocab_size for name in _SIZES if known.get(name) is not None}
    # Configurations without parts have both, also where they know them under another name.
    sizes |= {"vocab_size": vocab_size} if not parts else {}
    pad = {"pad_token_id": pad_id} if not parts or "pad_token_id" in known else {}
    return {**foreign, **given, **parts, **sizes, **pad}


def _parts(known: dict[str, Any]) -> list[str]:
    return [name for name in _PARTS if isinstance(known.get(name), dict)]


def _greatest(token: Any) -> int:
    """The greatest number of a token, of which a configuration may list several; -1 without any."""
    numbers = token if isinstance(token, list) else [token]
    return max((number for number in numbers if isinstance(number, int)), default=-1)


def read_config(folder: Path) -> "PreTrainedConfig":
    """The configuration of the model in `folder`. Raises ModelError if transformers does not know it."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
    except Exception as error:  # transformers raises whatever its parsers raise
        raise ModelError(f"no usable config.json in {folder}: {first_line(error)}") from None


def field_name(config: "PreTrainedConfig", name: str) -> str:
    """The name that an architecture has for a field of configurations (DistilBERT: n_layers for num_hidden_layers)."""
    return str(getattr(config, "attribute_map", {}).get(name, name))


def forced_start(folder: Path) -> int | None:
    """The token with which all that the generator in `folder` writes has to begin, if there is one."""
    from transformers import GenerationConfig

    if (folder / "generation_config.json").is_file():
        settings = GenerationConfig.from_pretrained(str(folder))
    else:
        settings = GenerationConfig.from_model_config(read_config(folder))
    return settings.forced_bos_token_id  # type: ignore[no-any-return]
