import pytest

from distil.framework.errors import RecipeError
from distil.framework.recipe.sections import Tracking


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
