from pathlib import Path
from typing import Any

import pytest

from distil.framework.config import Section
from distil.framework.errors import RecipeError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.sections import Tracking
from tests.tiny import tiny_values


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("file:///tmp/mlruns", "is a path.*expected http"),
        ("file:mlruns", "is a path"),
        ("./mlruns", "has no scheme"),
        ("localhost:5000", "has no scheme"),
        ("http://", "no host"),
        ("http://host:99999", "not a URI"),
        ("sqlite://", "no file"),
        ("sqlite:///", "no file"),
        ("", "has no scheme"),
        ("https://me:pw@host", "holds a password.*MLFLOW_TRACKING_PASSWORD"),
    ],
)
def test_what_mlflow_cannot_track_to_is_refused(uri, message):
    with pytest.raises(RecipeError, match=message):
        Tracking(uri=uri)


def test_a_password_in_an_address_is_not_repeated():
    with pytest.raises(RecipeError) as told:
        Tracking(uri="https://me:pw99@host/base")
    assert "https://me:…@host/base" in str(told.value)
    assert "pw99" not in str(told.value)


class Elsewhere(Section):
    kind: str = "tests.framework.recipe.test_sections:Elsewhere"
    url: str = "http://host"

    def open(self, folder, tracking, key):
        raise NotImplementedError


def test_a_tracker_of_ones_own_with_a_password_is_refused():
    kind, url = Elsewhere().kind, "postgres://me:pw99@host/base"
    for also in ({"kind": kind, "url": url}, Elsewhere(url=url)):
        with pytest.raises(RecipeError, match="hold a password") as told:
            Tracking(also=[also])
        assert "pw99" not in str(told.value)
    assert Tracking(also=[Elsewhere()]).also == [Elsewhere()]


def test_sections_made_in_code_are_shown_in_errors():
    with pytest.raises(RecipeError, match=r"names a tracker more than once \(found \[Elsewhere"):
        Tracking(also=[Elsewhere(), Elsewhere()])


@pytest.mark.parametrize(
    "uri",
    [
        None,
        "http://127.0.0.1:5000",
        "https://mlflow.example/base",
        "sqlite:////tmp/m.db",
        "databricks",
        "mysql+pymysql://db/x",
    ],
)
def test_what_mlflow_can_track_to_is_taken(uri):
    assert Tracking(uri=uri).uri == uri


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"alias": "champion"}, "`alias` is that of a registered model"),
        ({"register": "a", "log_models": False}, "`register` takes models that are logged"),
        ({"register": "a/b"}, "'a/b' is no name of a registered model"),
        ({"register": "."}, "no name of a registered model"),
        ({"register": "a", "alias": "latest"}, "'latest' is no alias"),
        ({"register": "a", "alias": "v12"}, "'v12' is no alias"),
        ({"register": "a", "alias": "a b"}, "'a b' is no alias"),
        ({"also": ["wandb", "wandb"]}, "names a tracker more than once"),
        ({"also": ["mlflow"]}, "wandb.*tensorboard"),
        ({"also": [{"kind": "wandb"}]}, "expected wandb, tensorboard, or a section of a tracker of your own"),
        ({"also": [3]}, "expected wandb, tensorboard, or a section of a tracker of your own"),
        ({"also": ["no_such:Tracker"]}, "cannot import 'no_such:Tracker'"),
        ({"also": ["distil.framework.recipe.sections:Trim"]}, "is not a pydantic model with a field `kind: str`"),
        ({"mlflow": False, "uri": "http://127.0.0.1:5000"}, "`uri` is for MLflow, and `mlflow` is false"),
        ({"mlflow": False, "register": "a", "also": ["wandb"]}, "`register` is for MLflow"),
        ({"mlflow": False, "experiment": "mine", "also": ["tensorboard"]}, "`experiment` is for MLflow"),
        ({"mlflow": False, "log_models": False}, "`log_models` is for MLflow"),
    ],
)
def test_what_trackers_would_ignore_or_refuse_is_refused(values: dict[str, Any], expected: str) -> None:
    with pytest.raises(RecipeError, match=expected):
        Tracking(**values)


def test_names_that_registries_take_are_taken() -> None:
    tracking = Tracking(register="main.qa.вопросы и ответы", alias="latest-good", also=["tensorboard", "wandb"])
    assert (tracking.register, tracking.alias) == ("main.qa.вопросы и ответы", "latest-good")


def test_without_mlflow_its_experiment_names_a_project_of_another_tracker() -> None:
    tracking = Tracking(mlflow=False, experiment="mine", log_models=False, also=["wandb"])
    assert not tracking.by_mlflow


def test_a_recipe_without_a_student_registers_nothing(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"`tracking\.register` registers the student, and the recipe has none"):
        recipe_from_values(
            tiny_values(
                tmp_path, student=None, losses=None, baselines=None, tracking__register="a", tracking__log_models=True
            ),
            "here",
        )
