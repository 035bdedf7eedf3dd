"""Discriminated unions on `kind` that also take a class of the user's own by import path."""

import importlib
from typing import Any, get_args

from pydantic import BaseModel, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from framework.config import nearest_hint


def by_kind(*classes: type[BaseModel]) -> WrapValidator:
    """Validator for a field annotated as the union of `classes`.

    Picks the class by the value's `kind`. A kind of the form ``package.module:Class`` imports that class: a pydantic
    model with a field ``kind: str`` that satisfies the built-in ones' protocol. Errors list the legal kinds.
    """
    kinds = {kind: cls for cls in classes for kind in get_args(cls.model_fields["kind"].annotation)}

    def choose(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        if isinstance(value, BaseModel):
            return value
        if not isinstance(value, dict):
            listing = ", ".join(kinds)
            raise PydanticCustomError(
                "section", "expected a section with a `kind`, one of: {kinds}", {"kinds": listing}
            )
        kind = value.get("kind")
        if kind is None:
            raise PydanticCustomError("kind_missing", "needs a `kind`, one of: {kinds}", {"kinds": ", ".join(kinds)})
        if isinstance(kind, str) and ":" in kind:
            return _import(kind).model_validate(value)
        if kind not in kinds:
            raise PydanticCustomError(
                "kind_unknown",
                "unknown kind '{kind}'; {hint}",
                {"kind": str(kind), "hint": nearest_hint(str(kind), list(kinds))},
            )
        return kinds[kind].model_validate(value)

    return WrapValidator(choose)


def _import(path: str) -> type[BaseModel]:
    module, _, name = path.partition(":")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise PydanticCustomError(
            "kind_import",
            "cannot import '{path}' ({error}); expected package.module:Class, importable where distil runs",
            {"path": path, "error": str(error)},
        ) from None
    if not (isinstance(cls, type) and issubclass(cls, BaseModel) and "kind" in cls.model_fields):
        raise PydanticCustomError(
            "kind_type", "'{path}' is not a pydantic model with a field `kind: str`", {"path": path}
        )
    return cls
