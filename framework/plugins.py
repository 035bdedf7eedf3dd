"""Unions discriminated by a field, `kind` as a rule, that also take a class of the user's own by import path."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from framework.config import nearest_hint, shortened
from framework.errors import first_line

_user_modules: set[str] = set()


@dataclass(frozen=True)
class ByKind:
    """Annotation of a field: `choose` makes the section by the value's `field`; dumping it keeps all fields of its own
    class."""

    choose: Callable[[Any], Any]
    field: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """pydantic's hook. Dumped as the annotated union, a class of the user's own would lose its fields."""
        return core_schema.no_info_wrap_validator_function(
            lambda value, _: self.choose(value), handler(source), serialization=core_schema.simple_ser_schema("any")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """pydantic's hook. The classes have defaults for `field`, which a recipe nevertheless has to give."""
        union = handler(schema)
        return {"anyOf": union.get("anyOf", [union]), "required": [self.field]}


def by_kind(*classes: type[BaseModel], field: str = "kind", protocols: tuple[type, ...] = ()) -> ByKind:
    """Annotation for a field of the union of `classes`.

    Picks the class by the value's `field`. One of the form ``package.module:Class`` imports that class: a pydantic
    model with a field ``kind: str`` (or what `field` says) that has all parts of one of `protocols`. Errors list what
    is legal.
    """
    kinds = {kind: cls for cls in classes for kind in get_args(cls.model_fields[field].annotation)}
    listing = ", ".join(kinds)

    def choose(value: Any) -> Any:
        if isinstance(value, BaseModel):
            return value
        if not isinstance(value, dict):
            raise PydanticCustomError(
                "section",
                "expected a section with a `{field}`, one of: {kinds}",
                {"field": field, "kinds": listing},
            )
        kind = value.get(field)
        if kind is None:
            raise PydanticCustomError(
                "kind_missing", "needs a `{field}`, one of: {kinds}", {"field": field, "kinds": listing}
            )
        if isinstance(kind, str) and ":" in kind:
            return _made(_import(kind, field, protocols), kind, value)
        if not isinstance(kind, str) or kind not in kinds:
            raise PydanticCustomError(
                "kind_unknown",
                "unknown {field} '{kind}'; {hint}",
                {"field": field, "kind": shortened(str(kind)), "hint": nearest_hint(str(kind), list(kinds))},
            )
        return kinds[kind].model_validate(value)

    return ByKind(choose, field)


def user_modules() -> list[str]:
    """Top-level modules and packages from which recipes have taken classes of the user's own."""
    return sorted(_user_modules)


def _import(path: str, field: str, protocols: tuple[type, ...]) -> type[BaseModel]:
    module, _, name = path.partition(":")
    _user_modules.add(module.partition(".")[0])
    try:
        cls = getattr(importlib.import_module(module), name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module of the user's may raise anything, and end the interpreter
        raise PydanticCustomError(
            "kind_import",
            "cannot import '{path}' ({error}); expected package.module:Class, importable where distil runs",
            {"path": shortened(path), "error": _told(error)},
        ) from None
    if not (isinstance(cls, type) and issubclass(cls, BaseModel) and field in cls.model_fields):
        raise PydanticCustomError(
            "kind_type",
            "'{path}' is not a pydantic model with a field `{field}: str`",
            {"path": path, "field": field},
        )
    missing = min((_missing(cls, protocol) for protocol in protocols), key=len, default=[])
    if missing:
        raise PydanticCustomError(
            "kind_parts",
            "'{path}' lacks {missing}; docs/extending.md says what a class of your own needs",
            {"path": path, "missing": ", ".join(missing)},
        )
    return cls


def _made(cls: type[BaseModel], path: str, value: dict[str, Any]) -> Any:
    try:
        return cls.model_validate(value)
    except (ValidationError, KeyboardInterrupt):
        raise
    except BaseException as error:  # as do its validators
        raise PydanticCustomError(
            "kind_check",
            "'{path}' does not take these values ({error}); its own checks should raise ValueError",
            {"path": shortened(path), "error": _told(error)},
        ) from None


def _told(error: BaseException) -> str:
    """What an error of the user's code says, in one line."""
    said = first_line(error)
    return said if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: {said}"


def _missing(cls: type[BaseModel], protocol: type) -> list[str]:
    """The parts of `protocol` that a class does not have, private ones aside."""
    parts = [part for base in protocol.__mro__ for part in (*vars(base).get("__annotations__", ()), *vars(base))]
    return [part for part in parts if part[0] != "_" and part not in cls.model_fields and not hasattr(cls, part)]
