"""The export of a student in MLflow."""

from typing import Any

from distil.framework.files import write_json
from distil.framework.recipe.sections import Tracking
from distil.tracking.mlflow_sync import keep_export, sync

TRACKING = Tracking(log_models=False)
FILES = {"exports/student/export.json", "exports/student/README.md"}


def export(digest: str, median: float = 1.5) -> dict[str, Any]:
    form = {"megabytes": 54.5, "exact_match": 61.25, "f1": 70.5, "f1_interval": [67.5, 73.0]}
    times = {"median_ms": median, "p95_ms": 2.0, "questions": 100}
    return {
        "model": {"name": "student", "digest": digest},
        "forms": {"torch": form, "int8": {**form, "different_answers": 3, "largest_difference": None}},
        "latency": [
            {"model": "student", "form": "int8", "threads": 2, **times},
            {"model": "teacher", "form": "torch", "threads": 2, **times},
        ],
    }


def test_figures_arrive_once_on_the_students_run(run, seen, tmp_path):
    run.add_model("student", "student", steps=5)
    run.evaluate("student")
    run.finish()
    (tmp_path / "README.md").write_text("# card\n")
    write_json(tmp_path / "export.json", export("digest-of-student"))
    keep_export(run.folder, tmp_path, "student")
    assert sync(run.folder, TRACKING, final=False).metrics > 0
    report = sync(run.folder, TRACKING, final=False)
    assert (report.metrics, report.artifacts) == (0, 0)

    store = seen()
    (parent,) = store.parents()
    student = store.children(parent)["student"]
    found = {name: value for name, value in student.data.metrics.items() if name.startswith("export/")}
    assert found == {
        **{f"export/{form}/megabytes": 54.5 for form in ("torch", "int8")},
        **{f"export/{form}/exact_match": 61.25 for form in ("torch", "int8")},
        **{f"export/{form}/f1": 70.5 for form in ("torch", "int8")},
        "export/int8/different_answers": 3,
        "export/int8/latency_2_threads/median_ms": 1.5,
        "export/int8/latency_2_threads/p95_ms": 2.0,
    }
    assert store.files(student) == FILES
    assert store.text(student, "exports/student/README.md") == "# card\n"

    write_json(tmp_path / "export.json", export("digest-of-student", median=1.25))
    keep_export(run.folder, tmp_path, "student")
    assert sync(run.folder, TRACKING, final=False).metrics == 1
    write_json(tmp_path / "export.json", export("digest-of-another", median=9.0))
    keep_export(run.folder, tmp_path, "student")
    assert sync(run.folder, TRACKING, final=False).metrics == 0
