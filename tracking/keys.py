"""Names and values within MLflow's limits, which are in characters."""

import json
import posixpath
import re
from typing import Any

from framework.digest import digest_of_strings

MAX_KEY = 250
MAX_PARAM = 6000
MAX_TAG = 8000


def legal_key(key: str) -> str:
    """`key` where MLflow takes it as it is; else a legal one, different for different keys."""
    legal = re.sub(r"[^\w.\-: /]", "_", key)
    if posixpath.normpath(legal) != legal or legal.startswith(("/", ".")):
        legal = "_" + legal.replace("/", "_")
    if len(legal) > MAX_KEY or legal != key:
        legal = f"{legal[: MAX_KEY - 17]}-{digest_of_strings([key])}"
    return legal


def clip(value: str, limit: int) -> str:
    """`value`, cut to `limit` characters with a mark where it was cut."""
    return value if len(value) <= limit else value[: limit - 1] + "…"


def flatten(value: Any, prefix: str = "") -> dict[str, str]:
    """Nested mappings as dotted keys with text values: ``{"a": {"b": 1}}`` gives ``{"a.b": "1"}``.

    Lists stay together, as JSON; so do empty mappings.
    """
    if not isinstance(value, dict) or (prefix and not value):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return {legal_key(prefix): clip(text, MAX_PARAM)}
    flat: dict[str, str] = {}
    for key, item in value.items():
        flat.update(flatten(item, f"{prefix}.{key}" if prefix else str(key)))
    return flat


def numbers(value: Any, prefix: str = "") -> dict[str, float]:
    """The numbers in nested mappings, by keys joined with slashes; everything else is left out."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {legal_key(prefix): float(value)}
    flat: dict[str, float] = {}
    if isinstance(value, dict):
        for key, item in value.items():
            flat.update(numbers(item, f"{prefix}/{key}" if prefix else str(key)))
    return flat
