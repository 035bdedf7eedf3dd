"""Teachers in real Ray actors that run ahead of the student."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from distil.framework.errors import ModelError, TrainingError
from distil.framework.progress import SILENT
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from distil.framework.run import prepare, run
from distil.framework.signals.algebra import Signals, concat
from distil.framework.signals.shards import SignalReader, as_stored
from distil.framework.signals.teacher_pass import Streamer, TeacherPass
from distil.framework.training.history import Report, ReportTo
from distil.framework.training.job import TrainingJob, TrainingSummary
from distil.launch.quiet import be_quiet, quiet_transformers
from distil.launch.ray_private import private_ray
from distil.launch.run import trainer_for
from distil.launch.streaming import streamer_for
from tests.chat_models import chat_folder
from tests.chat_server import Asked, Reply, chat_server, completion
from tests.forked_workers import forked_workers
from tests.framework.signals.made_up import assert_same
from tests.listening import assert_for_this_machine_alone
from tests.processes import left_in_cluster, ray_workers
from tests.questions import load
from tests.tiny import ends_early, tiny_values
from tests.witness import Witness, the_other_way_round

QUESTIONS = 96
SIZES = {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64}
STUDENT = {**SIZES, "dropout": 0.0, "attention_dropout": 0.0, "qa_dropout": 0.0}


class Stop(Exception):
    """Ends a run in the middle."""


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    be_quiet()
    quiet_transformers()
    import ray

    with forked_workers(), private_ray():
        ray.init(
            "local",
            num_cpus=6,
            _system_config={"max_direct_call_object_size": 10_000},  # so what is small here travels as large things do
            include_dashboard=False,
            logging_level="WARNING",
            log_to_driver=False,
            runtime_env={"env_vars": {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}},
        )
        yield
        ray.shutdown()


@pytest.fixture(autouse=True)
def _nothing_left(cluster: None) -> Iterator[None]:
    yield
    assert left_in_cluster() == []


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with a trained teacher in it."""
    output = tmp_path_factory.mktemp("taught")
    run(recipe(output, student=None, losses=None))
    return output


@pytest.fixture(scope="module")
def precomputed(taught: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    output = copied(taught, tmp_path_factory.mktemp("precomputed"))
    return output, run(recipe(output, signals__mode="precomputed"))


def recipe(output: Path, **changes: Any) -> Recipe:
    model = {"kind": "config", "architecture": "distilbert", "config": STUDENT}
    common = {
        "baselines": None,
        "teachers__teacher__fine_tune__epochs": 1,
        "student__model": model,
        "student__micro_batch": 4,
        "student__log_every": 1,
        "signals__shard_size": 1024,
    }
    if changes.get("signals__mode") == "streamed":
        common["signals__ahead"] = 1
    if "student" in changes:
        common = {place: value for place, value in common.items() if not place.startswith("student")}
    return recipe_from_values(tiny_values(output, **{**common, **changes}), "here")


def copied(source: Path, target: Path) -> Path:
    shutil.copytree(source / "store", target / "store")
    return target


def streamed(
    output: Path, at_step: Callable[[int], None] = lambda step: None, workers: int = 1, **changes: Any
) -> dict[str, Any]:
    """A streamed run. workers: the student's; `at_step` is called in this process after each of its steps."""
    settings = recipe(output, signals__mode="streamed", **changes)

    def train(job: TrainingJob, report: ReportTo) -> TrainingSummary:
        if "kl" not in job.objective.terms:
            return trainer_for(settings, SILENT)(job, report)

        def told(row: Report) -> None:
            report(row)
            if row.kind == "step":
                at_step(row.step)

        return trainer_for(settings, SILENT)(replace(job, workers=workers), told)

    return run(settings, train=train, stream=streamer_for(settings, SILENT))


def passes(settings: Recipe) -> tuple[list[TeacherPass], Streamer]:
    stream = streamer_for(settings, SILENT)
    assert stream is not None
    _, graph = prepare(settings, stream=stream)
    return [found.teacher_pass for found in graph.collections.values()], stream


class Kill:
    """Kills the teacher's process after the second step, and counts."""

    killed = 0

    def __call__(self, step: int) -> None:
        if step == 2:
            for actor in ray_workers("StreamingTeacher"):
                actor.kill()
                self.killed += 1


def signals(output: Path, results: dict[str, Any]) -> list[Signals]:
    """The stored signals of every teacher about the training questions; no row is missing or doubled."""
    found = []
    examples = load(recipe(output).data)["train"].examples
    for record in [one for one in results["signals"] if one["split"] == "train"]:
        folder = output / "store" / "signals" / record["digest"]
        reader = SignalReader(folder)
        assert len(reader) == sum(_rows(path) for path in folder.glob("shard-*.arrow")) == QUESTIONS
        found.append(reader.signals(examples))
    return found


def _rows(path: Path) -> int:
    import pyarrow as pa

    return int(pa.ipc.open_file(pa.memory_map(str(path))).read_all().num_rows)


def losses(output: Path, results: dict[str, Any]) -> list[float]:
    rows = [json.loads(line) for line in (output / results["models"][-1]["history"]).read_text().splitlines()]
    return [row["metrics"]["loss"] for row in rows if row["kind"] == "step"]


def assert_same_run(one: tuple[Path, dict[str, Any]], two: tuple[Path, dict[str, Any]]) -> None:
    for left, right in zip(signals(*one), signals(*two), strict=True):
        assert_same(left, right)
    assert losses(*one) == losses(*two)
    assert _files(*one) == _files(*two)


def _files(output: Path, results: dict[str, Any]) -> list[bytes]:
    """The student's weights and predictions."""
    student = results["models"][-1]
    weights = output / student["folder"] / "model.safetensors"
    return [weights.read_bytes(), (output / results["run"] / student["predictions"]).read_bytes()]


def test_streaming_changes_nothing_even_if_the_teacher_is_killed(
    tmp_path: Path, taught: Path, precomputed: tuple[Path, dict[str, Any]]
) -> None:
    output, kill = copied(taught, tmp_path), Kill()

    def look(step: int) -> None:
        if step == 1:
            here = psutil.Process()
            assert_for_this_machine_alone([here, *here.children(recursive=True)], tmp_path)
        kill(step)

    results = streamed(output, look)
    assert kill.killed == 1
    assert_same_run(precomputed, (output, results))
    assert not (tmp_path / "owned").exists()


def test_a_run_that_failed_goes_on_and_asks_nothing_twice(
    tmp_path: Path, taught: Path, precomputed: tuple[Path, dict[str, Any]]
) -> None:
    output, log = copied(taught, tmp_path), tmp_path / "asked.txt"
    witness = {"teachers__teacher__kind": "tests.witness:Witness", "teachers__teacher__log": str(log)}

    def stop(step: int) -> None:
        if step == 3:
            raise Stop

    with pytest.raises(Stop):
        streamed(output, stop, **witness)
    before = log.read_text().split()
    assert 0 < len(before) < QUESTIONS
    assert left_in_cluster() == []

    results = streamed(output, **witness)
    asked = log.read_text().split()
    assert len(asked) == len(set(asked)) == QUESTIONS
    assert asked[: len(before)] == before
    assert_same_run(precomputed, (output, results))


def test_no_more_is_asked_than_the_batches_ahead(tmp_path: Path, taught: Path) -> None:
    log = tmp_path / "asked.txt"
    settings = recipe(copied(taught, tmp_path), signals__mode="streamed", signals__ahead=2)
    (plain,), stream = passes(settings)
    noting = {**plain.teacher.model_dump(), "kind": "tests.witness:Witness", "log": str(log)}
    teacher_pass = replace(plain, teacher=Witness.model_validate(noting))
    examples = list(teacher_pass.examples)
    found = []

    def consume() -> None:
        with stream([teacher_pass]) as streams:
            teacher = streams[str(teacher_pass.folder)]
            teacher.prefetch([examples[10 * number : 10 * number + 10] for number in range(6)])
            found.append(teacher.signals([examples[3]]))
            found.append(teacher.signals([examples[90]]))  # not prefetched
            raise Stop

    with pytest.raises(Stop):
        consume()
    assert log.read_text().split() == [one.id for one in [*examples[:30], examples[90]]]
    stored = SignalReader(teacher_pass.folder)
    assert_same(concat(found), stored.signals([examples[3], examples[90]]))


def test_a_teacher_is_shown_what_another_streams_or_has_stored(tmp_path: Path, taught: Path) -> None:
    parrot = {**tiny_values(tmp_path)["teachers"]["teacher"], "kind": "tests.witness:Parrot"}
    both = {"teachers__parrot": parrot, "ensemble": {"rule": "mean"}, "student__epochs": 1}
    both["baselines"] = ["parrot"]  # taught by it alone, which is shown what nobody has asked for yet
    output = copied(taught, tmp_path)
    results = streamed(output, **both)
    shown, said = signals(output, results)
    expected = the_other_way_round(shown)
    assert_same(said, expected)

    (parrot_signals,) = (one for one in results["signals"] if (one["teacher"], one["split"]) == ("parrot", "train"))
    shutil.rmtree(output / "store" / "signals" / parrot_signals["digest"])
    shutil.rmtree(output / "store" / "models" / results["models"][-1]["digest"])
    again = streamed(output, **both)
    assert losses(output, again) == losses(output, results)
    assert_same(signals(output, again)[1], expected)


def test_two_ray_workers_share_a_streaming_teacher_even_if_it_is_killed(
    tmp_path: Path, taught: Path, precomputed: tuple[Path, dict[str, Any]]
) -> None:
    output, kill = copied(taught, tmp_path), Kill()
    results = streamed(output, kill, workers=2)
    assert kill.killed == 1
    assert losses(output, results) == pytest.approx(losses(*precomputed), abs=1e-4)
    assert_same(signals(output, results)[0], signals(*precomputed)[0])


def test_a_classifier_is_taught_the_same_by_a_stream(tmp_path: Path) -> None:
    before, output, path = tmp_path / "before", tmp_path / "streamed", tmp_path / "texts.jsonl"
    rows = [
        {"text": f"{word} {number}", "labels": [word, "четное"][: 1 + number % 2]}
        for number, word in enumerate(["кот", "дом", "лес"] * 8)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    changes = {
        "data__source": {"kind": "files", "path": {"train": str(path), "validation": str(path)}},
        "task": {"kind": "classification", "problem_type": "multi_label"},
        "windows": {"max_length": 16},
    }
    first = run(recipe(before, signals__mode="precomputed", **changes))
    copied(before, output)
    for folder in ("signals", f"models/{first['models'][-1]['digest']}", "evaluations"):
        shutil.rmtree(output / "store" / folder)
    results = streamed(output, **changes)
    assert losses(output, results) == losses(before, first)
    assert _files(output, results) == _files(before, first)
    assert results["models"][-1]["evaluation"] == first["models"][-1]["evaluation"]


def test_language_models_are_asked_once_by_their_actors(tmp_path: Path) -> None:
    """One behind a server, and one that runs in its actor."""
    pytest.importorskip("openai", reason="the extra `chat` is not installed")

    def first_words(asked: Asked) -> Reply:
        return completion([" ".join(asked["messages"][1]["content"].removeprefix("Text:\n").split()[:2])])

    model = {"kind": "folder", "path": str(chat_folder(tmp_path / "model"))}
    local = {"kind": "chat", "model": model, "instructions": "Answer.", "read": "likelihood", "max_answer": 2}
    with chat_server(first_words) as server:
        llm = {"kind": "chat", "endpoint": {"url": server.url, "model": "m"}}
        taught_by = {"teachers__teacher": llm, "teachers__local": local, "ensemble": {"rule": "mean"}}
        results = streamed(tmp_path, **taught_by)
        splits = load(recipe(tmp_path).data)
        asked = {(one.context, one.question) for split in splits.values() for one in split.examples}
        assert len(server.asked) == len(asked)
        settings = recipe(tmp_path, **taught_by)
        context, graph = prepare(settings)
        for found in (one for one in graph.collections.values() if one.split == "train"):
            again = found.teacher_pass.open()(splits["train"].examples, ())
            stored = SignalReader(found.stage.result(context.store)).signals(splits["train"].examples)
            assert_same(stored, as_stored(again, settings.signals.top_k))
        assert len(server.asked) == len(asked)
    assert results["state"] == "finished"


def test_in_bf16_a_student_that_ends_in_its_first_epoch_is_taught_the_same(tmp_path: Path) -> None:
    before, output = tmp_path / "before", tmp_path / "streamed"
    changes = {"engine__precision": "bf16", **ends_early(every=1)}
    first = run(recipe(before, signals__mode="precomputed", **changes))
    copied(before, output)
    for folder in ("signals", f"models/{first['models'][-1]['digest']}", "evaluations"):
        shutil.rmtree(output / "store" / folder)
    results = streamed(output, **changes)
    for one in (first, results):
        chosen = one["models"][-1]["training"]["selection"]
        assert (chosen["ended"], one["models"][-1]["training"]["steps"]) == ("patience", 2)
    assert_same_run((before, first), (output, results))


def test_what_the_teacher_raises_reaches_the_run(tmp_path: Path, taught: Path) -> None:
    with pytest.raises(ModelError, match=r"^this teacher has nothing to say$"):
        streamed(copied(taught, tmp_path), teachers__teacher__kind="tests.witness:Speechless")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teachers__teacher__actor": {"cpus": 1000.0}}, "takes 1000 CPU, but no node"),
        ({"teachers__teacher__actor": {"gpus": 0.5}}, r"takes 1 CPU and 0\.5 GPU, but no node"),
        ({"engine__workers": 6}, r"takes 7 CPU for teachers and workers together, but the Ray cluster has 6 CPU"),
    ],
)
def test_what_the_cluster_can_never_give_is_refused(
    tmp_path: Path, taught: Path, changes: dict[str, Any], message: str
) -> None:
    teacher_passes, stream = passes(recipe(copied(taught, tmp_path), signals__mode="streamed", **changes))
    with pytest.raises(TrainingError, match=message), stream(teacher_passes):
        pass


def test_without_a_gpu_to_spare_signals_are_collected_before(tmp_path: Path) -> None:
    assert streamer_for(recipe(tmp_path), SILENT) is None
    assert streamer_for(recipe(tmp_path, signals__mode="precomputed"), SILENT) is None
