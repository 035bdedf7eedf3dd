"""Sections by kind, and classes of the user's own by import path."""

import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from distil.framework.config import Section
from distil.framework.ensembles import AnyEnsemble
from distil.framework.ensembles.base import Mixing, TeacherOutputs
from distil.framework.errors import RecipeError
from distil.framework.losses.base import Target, Weight
from distil.framework.models.section import ModelSource, TokenizerSource
from distil.framework.plugins import own_classes, user_modules
from distil.framework.recipe.load import recipe_from_values, recipe_schema
from distil.framework.recipe.schema import Recipe
from distil.framework.search.recipes import variants
from distil.framework.segments import Floats
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.teachers.base import Actor
from distil.framework.teachers.encoder import Encoder
from distil.framework.training.section import Training
from tests.searching import SEARCH
from tests.tiny import tiny_values


class Gentle(Section):
    """A loss that shares no class with the built-in ones."""

    kind: str
    weight: Weight = 1.0
    gentleness: float = 0.5
    source: ClassVar[Literal["signal"]] = "signal"
    temperature: ClassVar[float] = 1.0

    def __call__(self, logits: Any, target: Target) -> Any:
        return logits.sum(-1) * 0


class First(Section):
    """A rule that trusts one teacher, by its number."""

    rule: str
    trusted: int = 0
    needs_labels: ClassVar[bool] = False
    metric: ClassVar[str | None] = None
    mixing: ClassVar[Mixing] = "arithmetic"

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        return outputs.same(np.eye(len(outputs.names))[self.trusted])


class Rule(Section):
    """A rule that says nothing about weights."""

    rule: str
    needs_labels: ClassVar[bool] = False
    metric: ClassVar[str | None] = None
    mixing: ClassVar[Mixing] = "arithmetic"


class Patient(ExtractiveQA):
    """A task that adds to a built-in one."""

    kind: str  # type: ignore[assignment]
    patience: int = 1


class Strict(Encoder):
    """A teacher that adds to a built-in one."""

    kind: str  # type: ignore[assignment]
    strictness: int = 1


class Mere(Section):
    """A teacher with a model and little else."""

    kind: str
    model: ModelSource
    tokenizer: TokenizerSource
    fine_tune: Training | None = None
    split: str = "train"
    windows: None = None
    temperature: float = 1.0
    crossfit: None = None
    actor: Actor = Actor()
    takes_proposals: ClassVar[bool] = False

    def model_kind(self, task: Any, config: Any) -> Any:
        return task

    def predictor(self, folder: Path, inference: Any) -> Any:
        return None


class Silent(Section):
    """A loss that does not say what it compares with."""

    kind: str
    weight: Weight = 1.0


class NoSection:
    kind = "nothing"


def offer(monkeypatch: pytest.MonkeyPatch, **contents: Any) -> None:
    """Make a module `of_the_user` with these contents importable."""
    module = types.ModuleType("of_the_user")
    vars(module).update(contents)
    monkeypatch.setitem(sys.modules, "of_the_user", module)


@pytest.fixture
def values(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """The tiny recipe with a loss, a task and a teacher from a module `of_the_user`."""
    offer(
        monkeypatch,
        Gentle=Gentle,
        Patient=Patient,
        Strict=Strict,
        Mere=Mere,
        Silent=Silent,
        NoSection=NoSection,
        number=3,
    )

    def make(**changes: Any) -> dict[str, Any]:
        sections = {
            "losses__gentle": {"kind": "of_the_user:Gentle", "gentleness": 0.25},
            "task": {"kind": "of_the_user:Patient", "patience": 4},
            "teachers__teacher__kind": "of_the_user:Strict",
            "teachers__teacher__strictness": 7,
        }
        return tiny_values(Path("runs"), **{**sections, **changes})

    return make


def test_classes_by_import_path_keep_their_fields_when_a_recipe_is_written_down(
    values: Callable[..., dict[str, Any]],
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recipe = recipe_from_values(values(), "here")
        resolved = recipe.resolved()
        assert recipe_from_values(resolved, "here") == recipe
    assert isinstance(recipe.losses["gentle"], Gentle)
    assert isinstance(recipe.task, Patient)
    assert isinstance(recipe.teachers["teacher"], Strict)
    assert resolved["losses"]["gentle"] == {"kind": "of_the_user:Gentle", "weight": 1.0, "gentleness": 0.25}
    assert (resolved["task"]["kind"], resolved["task"]["patience"]) == ("of_the_user:Patient", 4)
    teacher = resolved["teachers"]["teacher"]
    assert (teacher["kind"], teacher["strictness"]) == ("of_the_user:Strict", 7)


@pytest.mark.parametrize(
    "change",
    [
        {"losses__gentle__gentleness": 0.75},
        {"task__patience": 5},
        {"teachers__teacher__strictness": 8},
        {"losses__gentle": {"kind": "kl"}},
    ],
    ids=str,
)
def test_the_digest_depends_on_their_fields(values: Callable[..., dict[str, Any]], change: dict[str, Any]) -> None:
    assert recipe_from_values(values(**change), "here").digest != recipe_from_values(values(), "here").digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"losses__gentle": {"kind": "of_the_user:Gentel"}}, "cannot import 'of_the_user:Gentel'"),
        ({"losses__gentle": {"kind": "of.nobody:Gentle"}}, "cannot import 'of.nobody:Gentle'"),
        ({"losses__gentle": {"kind": "of_the_user:"}}, "cannot import 'of_the_user:'"),
        ({"losses__gentle": {"kind": ":Gentle"}}, "cannot import ':Gentle'"),
        ({"losses__gentle": {"kind": "of_the_user:NoSection"}}, "is not a pydantic model with a field"),
        ({"losses__gentle": {"kind": "of_the_user:number"}}, "is not a pydantic model with a field"),
        ({"teachers__teacher__kind": "of_the_user:Mere"}, "'of_the_user:Mere' lacks trained_with, objective; docs"),
        ({"losses__gentle": {"kind": "of_the_user:Silent"}}, "'of_the_user:Silent' lacks source, temperature; docs"),
        (
            {"task": {"kind": "of_the_user:Gentle"}},
            "lacks loss_rows, writes, signals_version, metrics, variants, items, fields, formats, notes, measured_with, ",
        ),
        ({"losses__gentle__gentelness": 1.0}, "did you mean 'gentleness'"),
        ({"losses__gentle__gentleness": "much"}, "losses.gentle.gentleness"),
        ({"task": {}}, "needs a `kind`, one of: extractive_qa"),
        ({"task": "extractive_qa"}, "expected a section with a `kind`"),
        ({"student__tokenizer": {"kind": "word_piece"}}, "did you mean 'wordpiece'"),
        ({"student__tokenizer": {"kind": 3}}, "unknown kind '3'"),
        ({"student__tokenizer": {"kind": ["bpe"]}}, "unknown kind"),
    ],
    ids=str,
)
def test_what_is_no_such_section_is_refused(
    values: Callable[..., dict[str, Any]], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecipeError, match=message.replace("(", r"\(")):
        recipe_from_values(values(**change), "here")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("mean", "expected a section with a `rule`, one of: mean, geometric"),
        ({"kind": "mean"}, "needs a `rule`, one of: mean, geometric"),
        ({"rule": "geometrical"}, "unknown rule 'geometrical'; did you mean 'geometric'"),
        ({"rule": "of_the_user:Gentle"}, "is not a pydantic model with a field `rule: str`"),
        ({"rule": "of_the_user:Rule"}, "'of_the_user:Rule' lacks weigh; docs"),
        ({"rule": "of_the_user:First", "trust": 1}, "did you mean 'trusted'"),
    ],
    ids=str,
)
def test_a_field_of_another_name_may_tell_the_classes_apart(
    monkeypatch: pytest.MonkeyPatch, section: Any, message: str
) -> None:
    offer(monkeypatch, First=First, Gentle=Gentle, Rule=Rule)
    adapter = TypeAdapter(AnyEnsemble)
    with pytest.raises(ValidationError, match=message):
        adapter.validate_python(section)
    own = adapter.validate_python({"rule": "of_the_user:First", "trusted": 1})
    assert isinstance(own, First)
    assert adapter.dump_python(own) == {"rule": "of_the_user:First", "trusted": 1}


def test_a_recipes_own_classes_are_those_that_it_names_and_those_that_its_trials_may(
    values: Callable[..., dict[str, Any]],
) -> None:
    recipe = recipe_from_values(values(), "here")
    assert own_classes(recipe) == {Gentle, Patient, Strict}
    assert user_modules([Gentle]) == sorted({"of_the_user", __name__.partition(".")[0]})
    assert own_classes(recipe_from_values(tiny_values(Path("runs")), "here")) == set()

    choices = [{"kl": {}}, {"gentle": {"kind": "of_the_user:Gentle"}}]
    search = {**SEARCH, "space": {"losses": {"kind": "choice", "values": choices}}}
    searched = recipe_from_values(tiny_values(Path("runs"), search=search), "here")
    assert own_classes(searched) == set()
    assert own_classes(list(variants(searched))) == {Gentle}


def test_the_schema_lists_the_built_in_kinds() -> None:
    schema = recipe_schema()
    losses = schema["properties"]["losses"]["additionalProperties"]["anyOf"]
    listed = {schema["$defs"][entry["$ref"].rsplit("/", 1)[1]]["properties"]["kind"]["const"] for entry in losses}
    assert {"kl", "reverse_kl", "jsd", "mse_logits", "hard_label"} <= listed
    assert Recipe.model_json_schema(mode="serialization")["properties"]
