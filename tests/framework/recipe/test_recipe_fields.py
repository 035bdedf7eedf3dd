"""Every field of a recipe decides about the results of some stage, or is known to decide about none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from distil.framework.config import Section
from distil.framework.errors import DataError, RecipeError
from distil.framework.models.section import TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer
from distil.framework.recipe.load import recipe_from_values, recipe_schema
from distil.framework.recipe.schema import Recipe
from distil.framework.run import prepare
from tests.framework.recipe.recipe_fields import HARMLESS, OTHER, WHOLE, bases
from tests.hub_cache import use_cache

Field = tuple[str, str]
Place = tuple[str, ...]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With the models `me` and `other` in it, which are on the hub as well, the first in two revisions."""
    for slow in ("check_models", "_fetch_models"):  # by which no digest is decided
        monkeypatch.setattr(f"distil.framework.stages.graph.{slow}", lambda *_: None)
    monkeypatch.setattr("distil.framework.run.check_packages", lambda recipe: None)
    use_cache(tmp_path, monkeypatch)
    tokenizer = train_tokenizer(TrainedTokenizer(kind="wordpiece", vocab_size=64), ["Анна живёт в Туле."])
    for name, layers in (("me", 2), ("other", 3), ("newer", 4)):
        place = tmp_path / name
        tokenizer.save_pretrained(str(place))
        sizes = f'"dim": 32, "n_layers": {layers}, "n_heads": 2, "hidden_dim": 64, "vocab_size": {len(tokenizer)}'
        (place / "config.json").write_text(f'{{"model_type": "distilbert", {sizes}}}')
        (place / "model.safetensors").touch()
    for id, revision, source in (("model", "main", "me"), ("model", "newer", "newer"), ("other", "main", "other")):
        cached = tmp_path / "hub" / f"models--me--{id}"
        (cached / "refs").mkdir(parents=True, exist_ok=True)
        (cached / "refs" / revision).write_text(source.ljust(40, "0"))
        (cached / "snapshots").mkdir(exist_ok=True)
        (cached / "snapshots" / source.ljust(40, "0")).symlink_to(tmp_path / source)
    return tmp_path


def test_every_field_changes_a_digest_or_is_known_to_be_harmless(folder: Path) -> None:
    changed: dict[Field, bool] = {}
    for values in bases(folder):
        recipe = recipe_from_values(values, "base")
        data = prepare(recipe)[0].data
        before = digests(recipe, data)
        for section, place in sections(recipe):
            for name in type(section).model_fields:
                field = (type(section).__name__, name)
                if field in changed:
                    continue
                now = getattr(section, name)
                if holds_sections(now):
                    changed[field] = field not in HARMLESS  # by what it holds
                    continue
                other = folder / "other" if field == ("FolderModel", "path") else other_value(section, name, now)
                if other is None:
                    continue  # another base has a value there
                try:
                    varied = recipe_from_values(put(recipe.resolved(), (*place, name), other), f"{field} = {other!r}")
                    changed[field] = digests(varied, data if varied.data == recipe.data else None) != before
                except (RecipeError, DataError):
                    continue  # another base takes it
    every = set(fields())
    assert sorted(every - changed.keys()) == [], "no recipe here has them, or no other value is known"
    assert not HARMLESS.keys() - every, "there are no such fields"
    assert not {field for field in every - HARMLESS.keys() if not changed[field]}, "they change no digest"
    assert not {field for field in HARMLESS if changed[field]}, "they change a digest after all"


def fields() -> Iterator[Field]:
    """All fields of all sections, but of those that count as a whole; what only picks a section is none."""
    classes = {cls.__name__: cls for cls in _subclasses(Section) if cls.__module__.startswith("distil.framework.")}
    for name in ("Recipe", *recipe_schema()["$defs"]):
        for field, info in classes[name].model_fields.items():
            whole = f"{classes[name].__module__}.{name}".startswith(tuple(WHOLE)) and name != "WindowSettings"
            if not whole and not _picks(field, info.annotation):
                yield name, field


def sections(value: Any, place: Place = ()) -> Iterator[tuple[BaseModel, Place]]:
    """Every section of a recipe, with its place."""
    if isinstance(value, BaseModel):
        yield value, place
        for name in type(value).model_fields:
            yield from sections(getattr(value, name), (*place, name))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from sections(inner, (*place, str(name)))


def holds_sections(value: Any) -> bool:
    return isinstance(value, BaseModel) or (isinstance(value, dict) and any(map(holds_sections, value.values())))


def other_value(section: BaseModel, name: str, now: Any) -> Any:
    """A value that the field does not have now; None if none is known."""
    known = OTHER.get((type(section).__name__, name), OTHER.get(("", name)) if now is None else None)
    if known is not None:
        return known
    if isinstance(now, bool):
        return not now
    if isinstance(now, int):
        return now + 1
    if isinstance(now, float):
        return now / 2 or 0.5
    return (
        next((word for word in get_args(type(section).model_fields[name].annotation) if word != now), None)
        if isinstance(now, str)
        else None
    )


def put(values: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    inner = values
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = str(value) if isinstance(value, Path) else value
    return values


def digests(recipe: Recipe, data: Any) -> list[str]:
    return [stage.digest for stage in prepare(recipe, data=data)[1].stages()]


def _picks(field: str, annotation: Any) -> bool:
    return field in ("kind", "rule") and len(get_args(annotation)) == 1


def _subclasses(cls: type) -> Iterator[type]:
    for inner in cls.__subclasses__():
        yield inner
        yield from _subclasses(inner)
