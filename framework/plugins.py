"""Classes of the user's own, beside distil's: chosen by import path where a field, `kind` as a rule, discriminates a union, and
known by their source, so that results can be told apart by it."""

import importlib
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from distil.framework.config import nearest_hint, shortened
from distil.framework.errors import DistilError, UserError, first_line, is_out_of_memory
from distil.framework.files import Json
from distil.framework.own_code import changed_files, source_digest

_user_modules: dict[type[BaseModel], set[str]] = {}  # by class: top-level modules and packages by which recipes name it


@dataclass(frozen=True)
class ByKind:
    """Annotation of a field: `choose` makes the section by the value's `field`; dumping it keeps all fields of its own
    class."""

    choose: Callable[[Any], Any]
    field: str

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """pydantic's hook. Dumped as the annotated union, a class of the user's own would lose its fields."""
        return core_schema.no_info_wrap_validator_function(
            lambda value, _: self.choose(value), handler(source), serialization=core_schema.simple_ser_schema("any")
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
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


def own_classes(value: object) -> set[type[BaseModel]]:
    """Classes of the user's own in a recipe, or in a part of one, at any depth."""
    if isinstance(value, BaseModel):
        inner = own_classes([inside for _, inside in value])
        return inner | {type(value)} if _is_own(value) else inner
    if isinstance(value, Mapping):
        return own_classes(list(value.values()))
    return set().union(*map(own_classes, value)) if isinstance(value, list | tuple) else set()


def user_modules(classes: Collection[type[BaseModel]]) -> list[str]:
    """Top-level modules and packages of classes of the user's own: those that define them, and those by which recipes name them."""
    defining = {cls.__module__.partition(".")[0] for cls in classes}
    return sorted(defining.union(*(_user_modules.get(cls, ()) for cls in classes)))


def check_unchanged(classes: Collection[type[BaseModel]]) -> None:
    """Raise UserError if code of these classes of the user's own is no longer what this process has imported: other processes would import
    it as it is now."""
    for cls in classes:
        changed = changed_files(cls)
        if changed:
            raise UserError(
                f"{', '.join(map(str, changed))} changed since this process imported it, and other processes would run it as it is now: run "
                "again"
            )


def _import(path: str, field: str, protocols: tuple[type, ...]) -> type[BaseModel]:
    module, _, name = path.partition(":")
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
    changed = changed_files(cls)
    if changed:
        raise PydanticCustomError(
            "kind_changed",
            "'{path}': {files} changed since this process imported {it}, and what was imported would run; start Python anew, or "
            "importlib.reload what changed and '{module}' after it",
            {
                "path": path,
                "files": ", ".join(map(str, changed)),
                "it": "it" if len(changed) == 1 else "them",
                "module": cls.__module__,
            },
        )
    _user_modules.setdefault(cls, set()).add(module.partition(".")[0])
    return cls


def _made(cls: type[BaseModel], path: str, value: Json) -> Any:
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


SOURCE = "source_digest"


def settings_of(section: Any, excluded: Mapping[str, object] | None = None) -> Json:
    """A section as plain data; of a class of the user's own, and of one in a list of it, with the digest of its source. excluded: as
    pydantic takes it."""
    values: Json = section.model_dump(mode="json", exclude=excluded) if excluded else section.model_dump(mode="json")
    for name, listed in section:
        if name in values and isinstance(listed, list):
            pairs = zip(listed, values[name], strict=True)
            values[name] = [_with_source(one, value) if isinstance(one, BaseModel) else value for one, value in pairs]
    return _with_source(section, values)


def _with_source(section: BaseModel, values: Json) -> Json:
    return {**values, SOURCE: source_digest(type(section))} if _is_own(section) else values


def _is_own(section: object) -> bool:
    """Whether a section's class is the user's own."""
    return type(section).__module__.partition(".")[0] != "distil"


@contextmanager
def named_in_errors(place: str, section: object) -> Iterator[None]:
    """In the context, what a class of the user's own fails with becomes an error that names it. place: of the recipe. Raises
    UserError."""
    try:
        yield
    except DistilError:
        raise
    except Exception as error:
        if not _is_own(section) or is_out_of_memory(error):
            raise
        cls = type(section)
        line = place_in_own_code(error, (cls.__module__.partition(".")[0],))
        raise UserError(
            f"{place}: {cls.__module__}:{cls.__qualname__} fails{f' in {line}' if line else ''}: {type(error).__name__}: "
            f"{first_line(error)}; mend it, and run again"
        ) from error


def place_in_own_code(error: BaseException, modules: Collection[str] | None = None) -> str | None:
    """The file and line in one of these modules or packages, by default those of recipes, that an error comes from, if it does."""
    found, modules = None, set().union(*_user_modules.values()) if modules is None else modules
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] in modules:
            found = f"{frame.f_code.co_filename}:{line}"
    return found
