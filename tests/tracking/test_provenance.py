import json
import subprocess

from distil.tracking.provenance import provenance


def _git(*arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    return subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def test_outside_a_repository_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    found = provenance()
    assert (found["git_commit"], found["git_dirty"]) == (None, None)
    assert found["versions"]["torch"].startswith("2.")
    assert found["versions"]["mlflow"].startswith("3.")
    json.dumps(found, allow_nan=False)


def test_commit_and_dirt_of_the_current_directory(tmp_path):
    _git("init", "-q")
    (tmp_path / "a").write_text("1")
    _git("add", "a")
    _git("commit", "-q", "-m", "one")
    clean = provenance()
    assert clean["git_commit"] == _git("rev-parse", "HEAD")
    assert clean["git_dirty"] is False
    (tmp_path / "a").write_text("2")
    assert provenance()["git_dirty"] is True


def test_no_git_is_no_error(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert provenance()["git_commit"] is None
