import pytest

from distil.framework.errors import UserError
from distil.framework.recipe.sections import Tracking
from distil.tracking.client import destination_of


def test_the_recipe_comes_first_then_the_environment_then_the_output_folder(tmp_path):
    environment = {"MLFLOW_TRACKING_URI": "http://there:5000"}
    assert destination_of(Tracking(uri="http://here:1"), tmp_path, environment).uri == "http://here:1"
    assert destination_of(Tracking(), tmp_path, environment).uri == "http://there:5000"
    assert destination_of(Tracking(), tmp_path, {}).uri == f"sqlite:///{tmp_path}/mlflow.db"


def test_an_sqlite_path_is_made_absolute_and_has_its_artifacts_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    destination = destination_of(Tracking(uri="sqlite:///a/b.db"), tmp_path / "runs", {})
    assert destination.uri == f"sqlite:///{tmp_path}/a/b.db"
    assert destination.artifacts == f"file://{tmp_path}/a/mlartifacts"


def test_signs_that_mean_something_in_a_uri_are_quoted(tmp_path):
    destination = destination_of(Tracking(), tmp_path / "a?b 50%41#c", {})
    assert destination.uri == f"sqlite+pysqlite:///{tmp_path}/a%3Fb 50%2541#c/mlflow.db"
    assert destination.database == tmp_path / "a?b 50%41#c" / "mlflow.db"
    again = destination_of(Tracking(uri=destination.uri), tmp_path, {})
    assert (again.uri, again.database) == (destination.uri, destination.database)
    options = destination_of(Tracking(uri=f"sqlite:///{tmp_path}/m.db?timeout=9"), tmp_path, {})
    assert (options.uri, options.database) == (f"sqlite:///{tmp_path}/m.db?timeout=9", tmp_path / "m.db")


def test_a_database_without_a_server_keeps_artifacts_in_the_output_folder(tmp_path):
    destination = destination_of(Tracking(uri="postgresql://db/mlflow"), tmp_path, {})
    assert destination.artifacts == f"file://{tmp_path}/mlartifacts"
    assert destination.database is None


def test_a_password_is_never_shown(tmp_path):
    destination = destination_of(Tracking(), tmp_path, {"MLFLOW_TRACKING_URI": "postgresql://me:s3cret@db/x"})
    assert "s3cret" in destination.uri
    assert destination.shown == "postgresql://me:***@db/x"
    assert "s3cret" not in destination.key


def test_the_environment_is_checked_like_the_recipe(tmp_path):
    with pytest.raises(UserError, match=r"MLFLOW_TRACKING_URI: .*folder.*expected http"):
        destination_of(Tracking(), tmp_path, {"MLFLOW_TRACKING_URI": "file:///tmp/mlruns"})
