"""Every recipe that ships parses, and runs from start to table, offline, on stand-ins for what the hub holds."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from distil.framework.data.hub import Hub
from distil.framework.errors import UserError
from distil.framework.models.tokenizers import load_tokenizer
from distil.framework.recipe.load import load_recipe
from distil.framework.recipe.schema import Recipe
from distil.framework.run import prepare, produce
from tests.chat_server import Asked, Reply, chat_server, completion
from tests.forked import start
from tests.hub_cache import use_cache
from tests.questions import load
from tests.standin_datasets import ROWS, SBERQUAD
from tests.standins import BEYOND, TEACHER, TEACHER_LAYERS, fill_cache
from tests.waiting import gone

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "recipes"
ALL = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob("**/*.yaml"))
# test_task_recipes.py runs those of other tasks, and of SQuAD.
RECIPES = [
    name
    for name in ALL
    if (recipe := load_recipe(FOLDER / name)).search is None
    and recipe.task.kind == "extractive_qa"
    and not name.startswith("squad/")
]
# Recipes of one teacher that differ by a model of a kind that another recipe runs; they are planned.
PLANNED = [
    f"sberquad/{name}.yaml"
    for name in ("mt5_base", "mt5_large", "rubert_large", "rugpt3_large", "ruroberta_large", "rut5_base", "rut5_large")
]
SMALL_VOCABULARY = "sberquad/small_vocabulary.yaml"  # its student is made; trained, it is like any other
FURTHER = [f"sberquad/{name}.yaml" for name in BEYOND]  # test_further_recipes.py runs what no other recipe does
RUN = [name for name in RECIPES if name not in (*PLANNED, SMALL_VOCABULARY, *FURTHER)]
FROM_HUB = [name for name in RECIPES if isinstance(load_recipe(FOLDER / name).data.source, Hub)]
TEACHER_ALONE = ["student=null", "losses=null", "baselines=null"]

# An epoch of what no other recipe shares has every kind of stage.
SHORTER = [f"teachers.{name}.fine_tune.epochs=1" for name in ("rubert-large", "ruroberta-large")] + ["student.epochs=1"]
# Recipes that generate their data take minutes at full size; here they run with less of it and fewer epochs. Writers that
# have learnt nothing write on and on.
SMALLER = {
    "quickstart.yaml": [
        "data.source.examples={train: 96, validation: 24}",
        "data.splits.train=train[:48]",
        "teachers.teacher.fine_tune.epochs=1",
        "student.epochs=1",
    ],
    "quickstart_ensemble.yaml": [
        "data.source.examples={train: 96, validation: 24}",
        "data.splits={teacher: 'train[48:]', train: 'train[:48]', held_out: 'validation[:8]', dev: 'validation[8:]'}",
        "data.extra.more.source.examples={train: 12}",
        "teachers.bert-wordpiece.fine_tune.epochs=1",
        "teachers.roberta-bpe.fine_tune.epochs=1",
        "teachers.t5-unigram.fine_tune.epochs=1",
        "teachers.t5-unigram.beams=2",
        "teachers.t5-unigram.max_answer=2",
        "student.epochs=1",
    ],
    "sberquad/ensemble_chat.yaml": [
        "teachers.rubert-large.fine_tune.epochs=1",
        "student.epochs=1",
        "baselines=[no_distillation]",
    ],
    "sberquad/ensemble_encoders.yaml": SHORTER,
    "sberquad/ensemble_transductive.yaml": SHORTER,
    "sberquad/ensemble_generative.yaml": [
        *SHORTER,
        "teachers.rut5-large.fine_tune.epochs=1",
        "teachers.mt5-large.fine_tune.epochs=1",
        *(
            f"teachers.{name}.{field}"
            for name in ("rut5-large", "mt5-large")
            for field in ("beams=2", "max_answer=2", "windows={max_length: 192, doc_stride: 32}")
        ),
    ],
    "sberquad/rugpt3_medium.yaml": [
        *TEACHER_ALONE,
        "teachers.rugpt3-medium.beams=2",
        "teachers.rugpt3-medium.max_answer=2",
    ],
}


@dataclass(frozen=True)
class Run:
    """A run of the command line that has ended."""

    recipe: Recipe
    code: int
    output: str
    errors: str
    left_running: list[str]

    @property
    def results(self) -> dict[str, Any]:
        return dict(json.loads((self.recipe.run_folder / "results.json").read_text()))

    def model(self, name: str) -> dict[str, Any]:
        return next(model for model in self.results["models"] if model["name"] == name)


def untimed(model: dict[str, Any]) -> dict[str, Any]:
    """Without the latency, which is measured beside the run's other models."""
    return {**model, "latency": None}


def first_word(asked: Asked) -> Reply:
    """A language model that answers with the first word of the text, and finds that as likely as not."""
    word = asked["messages"][1]["content"].removeprefix("Text:\n").split()[0]
    return completion([word], model=asked["model"], tokens=[(word, -0.7, {word: -0.7})])


def ran(name: str, output: Path, overrides: list[str], variables: dict[str, str]) -> Run:
    """`distil run` on a shipped recipe, with the stand-ins of the session's Hugging Face home and nothing else."""
    changed = [f"output={output}", "tracking.report=false", *overrides]
    recipe = load_recipe(FOLDER / name, changed)
    command = start("run", FOLDER / name, *changed, environment=_environment(recipe) | variables)
    printed = command.stdout.read()
    return Run(recipe, command.wait(timeout=120), printed, "", gone(lambda: _running(str(recipe.run_folder))))


def distil(name: str, output: Path, home: Path, **variables: str) -> Run:
    """`distil run` on a shipped recipe with another Hugging Face home."""
    changed = [f"output={output}"]
    recipe = load_recipe(FOLDER / name, changed)
    environment = {key: value for key, value in _environment(recipe).items() if not key.startswith("HF_")}
    environment |= {"HF_HOME": str(home), **variables}
    command = [sys.executable, "-m", "distil.launch.cli", "run", str(FOLDER / name), *changed]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    left = gone(lambda: _running(str(recipe.run_folder)))
    return Run(recipe, ended.returncode, ended.stdout, ended.stderr, left)


def _environment(recipe: Recipe) -> dict[str, str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "RAY_"))}
    return environment | {"OMP_NUM_THREADS": "1", "RUN_OF_TEST": str(recipe.run_folder)}


def _running(mark: str) -> list[str]:
    """Processes, of any parent, that have inherited the environment of a run."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("RUN_OF_TEST") == mark:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:  # it has just ended, or is not ours
            continue
    return found


@pytest.fixture(scope="module")
def home() -> Path:
    """The session's Hugging Face home, with all stand-ins."""
    home = Path(os.environ["HF_HOME"])
    fill_cache(home)
    return home


class Runs(dict[str, Run]):
    """Every recipe's run, made when it is first asked for, all into one folder of runs."""

    def __init__(self, output: Path, variables: dict[str, str]) -> None:
        super().__init__()
        self._output, self._variables = output, variables

    def __missing__(self, name: str) -> Run:
        if "chat" in name:
            pytest.importorskip("openai", reason="the extra `chat` is not installed")
        # Models are logged in the same way whatever the data, which takes seconds a run.
        unlogged = [] if name == "quickstart.yaml" else ["tracking.log_models=false"]
        overrides = [*unlogged, "evaluation.latency_questions=2", *SMALLER.get(name, [])]
        self[name] = ran(name, self._output, overrides, self._variables)
        return self[name]


@pytest.fixture(scope="module")
def runs(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """The runs of this module, in the order of the recipes' names where all tests run; a language model answers meanwhile."""
    with chat_server(first_word) as server:
        yield Runs(tmp_path_factory.mktemp("runs"), {"DISTIL_ENDPOINT": server.url})


def rows_of(recipe: Recipe) -> list[str]:
    """The names of the models in a recipe's table."""
    ensemble = ["ensemble"] if recipe.ensemble else []
    prefixes = {True: "student_from_", False: "student_"}
    baselines = [f"{prefixes[name in recipe.teachers]}{name}" for name in recipe.baselines]
    return [*recipe.teachers, *ensemble, *([*baselines, "student"] if recipe.student else [])]


@pytest.mark.parametrize("name", RECIPES)
def test_it_parses_and_says_what_it_does(name: str) -> None:
    path = FOLDER / name
    assert load_recipe(path).description or path.read_text().startswith("# ")
    assert f"distil run recipes/{name}" in path.read_text()


@pytest.mark.parametrize("name", RUN)
def test_it_runs_from_start_to_table(name: str, runs: Runs) -> None:
    run = runs[name]
    assert run.code == 0, run.output + run.errors
    assert "Traceback" not in run.output
    assert run.left_running == []
    results, expected = run.results, rows_of(run.recipe)
    assert results["state"] == "finished"
    assert [model["name"] for model in results["models"]] == expected
    for model in results["models"]:
        assert model["evaluation"]["examples"] == results["data"]["splits"][run.recipe.evaluation.split]["examples"]
        if model["name"] == "llm":
            assert (model["parameters"], model["latency"]) == (0, None)
            assert model["usage"]["requests"] == model["evaluation"]["examples"]
        elif model["name"] != "ensemble":
            assert model["parameters"] > 0
            assert model["latency"]["median_ms"] > 0
        assert 0 <= model["evaluation"]["exact_match"] <= model["evaluation"]["f1"] <= 100
    table = (run.recipe.run_folder / "results.md").read_text()
    for row in expected:
        assert f"| {row} |" in table
        assert f" {row} " in run.output


@pytest.mark.parametrize("name", [name for name in FROM_HUB if name in RUN])
def test_all_of_sberquad_is_read(name: str, runs: Runs) -> None:
    splits = runs[name].results["data"]["splits"]
    expected = {"train": ROWS["train"], "dev": ROWS["validation"]}
    expected |= {"test": ROWS["test"]} if "test" in splits else {}
    if "held_out" in splits:
        expected["train"] -= splits["held_out"]["examples"]
        assert splits["held_out"]["examples"] == 2
    assert {split: splits[split]["examples"] for split in expected} == expected
    assert (splits["train"]["repaired"], splits["train"]["dropped"]) == (1, 0)


@pytest.mark.parametrize("name", [*PLANNED, "sberquad/rugpt3_medium.yaml"])
def test_a_model_of_the_papers_is_taught_and_teaches(
    name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_cache(home, monkeypatch)
    both = load_recipe(FOLDER / name, [f"output={tmp_path}"])
    alone = load_recipe(FOLDER / name, [f"output={tmp_path}", *TEACHER_ALONE])
    (teacher,) = both.teachers
    of_teacher = [f"prepare {teacher}", f"train {teacher}", f"evaluate {teacher}"]
    stages = list(prepare(both)[1].stages())
    assert [stage.title for stage in stages[:4]] == [*of_teacher, f"collect signals of {teacher} on 'train'"]
    assert [stage.digest for stage in prepare(alone)[1].models_stages()] == [stage.digest for stage in stages[:3]]
    paper = load_recipe(FOLDER / "sberquad/single_teacher.yaml")
    assert (both.student, both.losses, both.baselines) == (paper.student, paper.losses, paper.baselines)
    assert (both.data, both.windows) == (paper.data, paper.windows)
    assert f"{name} {' '.join(TEACHER_ALONE)}" in (FOLDER / name).read_text()


def test_the_student_of_small_vocabulary_is_trimmed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_cache(home, monkeypatch)
    recipe, paper = (
        load_recipe(FOLDER / name, [f"output={tmp_path}"])
        for name in (SMALL_VOCABULARY, "sberquad/single_teacher.yaml")
    )
    assert (recipe.teachers, recipe.losses, recipe.baselines) == (paper.teachers, paper.losses, paper.baselines)
    context, graph = prepare(recipe)
    student = graph.models[-1]
    assert [stage.title for stage in student.making][1:] == ["trim the vocabulary of the student", "train student"]
    first, trimmed, _ = student.making
    produce(context, first)
    facts = produce(context, trimmed).facts
    assert facts["tokens_before"] - facts["tokens"] >= 99
    tokenizer = load_tokenizer(student.first.folder(context.store) / "model")
    assert tokenizer.tokenize("Мария") != tokenizer.tokenize("мария")


def test_the_papers_settings(runs: Runs) -> None:
    shared = {"lr": 2e-5, "batch_size": 16, "warmup": 0.1}
    for name, model, epochs in [
        ("sberquad/teacher.yaml", "rubert-base", 2),
        ("sberquad/no_distillation.yaml", "student", 3),
        ("sberquad/single_teacher.yaml", "student", 2),
        ("sberquad/single_teacher.yaml", "student_no_distillation", 2),
    ]:
        run = runs[name]
        assert run.recipe.windows.max_length == 384
        settings = run.model(model)["settings"]
        assert {**settings, **shared, "epochs": epochs} == settings
        if model == "student" and run.recipe.teachers:
            weights = (settings["losses.kl.weight"], settings["losses.hard_label.weight"])
            assert (*weights, settings["losses.kl.temperature"]) == (0.5, 0.5, 2.0)


def test_teacher_and_distillation_share_their_stages(runs: Runs) -> None:
    # The first of them in the order of names is an ensemble's recipe.
    first, distilled, alone = (
        runs[f"sberquad/{name}.yaml"] for name in ("ensemble_encoders", "single_teacher", "teacher")
    )
    assert not first.model("rubert-base")["reused"]
    for run in (distilled, alone):
        assert untimed(run.model("rubert-base")) == {**untimed(first.model("rubert-base")), "reused": True}
    assert alone.output.count("done already") == len(["prepare", "train", "evaluate"])


def test_ensembles_ask_no_teacher_again(runs: Runs) -> None:
    together, more = runs["sberquad/ensemble_encoders.yaml"], runs["sberquad/ensemble_transductive.yaml"]
    for name in together.recipe.teachers:
        assert untimed(more.model(name)) == {**untimed(together.model(name)), "reused": True}
        assert f"collect signals of {name} on 'train': done already" in more.output


def test_the_transductive_student_reads_the_test_questions_too(runs: Runs) -> None:
    together, more = (runs[f"sberquad/ensemble_{name}.yaml"] for name in ("encoders", "transductive"))
    assert more.results["data"]["splits"]["test"]["questions_unlabelled"] == ROWS["test"]
    assert more.model("student")["training"]["windows"] > together.model("student")["training"]["windows"]
    assert not more.model("student")["transductive"]  # it is measured on the validation split


def test_the_papers_baseline_starts_from_the_same_weights(runs: Runs) -> None:
    for name in ("single_teacher", "no_distillation"):
        assert "prepare the student: done already" in runs[f"sberquad/{name}.yaml"].output


def test_teacher_and_student_tell_case_apart(runs: Runs, home: Path) -> None:
    run = runs["sberquad/single_teacher.yaml"]
    for name in rows_of(run.recipe):
        tokenizer = load_tokenizer(Path(run.recipe.output) / run.model(name)["folder"])
        assert tokenizer.tokenize("Мария") != tokenizer.tokenize("мария")
    (untold,) = (home / "hub" / f"models--{TEACHER.replace('/', '--')}" / "snapshots").iterdir()
    assert load_tokenizer(untold).tokenize("Мария") == load_tokenizer(untold).tokenize("мария")


def test_sberquads_test_questions_are_unlabelled(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_cache(home, monkeypatch)
    data = load_recipe(FOLDER / "sberquad/no_distillation.yaml").data
    test = load(data.model_copy(update={"splits": {"transfer": "test"}}))["transfer"]
    assert (len(test.examples), test.unlabelled, test.dropped) == (ROWS["test"], ROWS["test"], 0)


def test_without_hub_and_cache_it_ends_at_once_and_says_what_to_bring(tmp_path: Path) -> None:
    check_refusal(distil(FROM_HUB[0], tmp_path / "runs", tmp_path / "hf", HF_HUB_OFFLINE="1"))


def test_a_hub_out_of_reach_is_no_different(tmp_path: Path) -> None:
    # Port 9 of this machine refuses connections, and no proxy is asked about it.
    run = distil(
        FROM_HUB[0], tmp_path / "runs", tmp_path / "hf", HF_ENDPOINT="http://127.0.0.1:9", NO_PROXY="127.0.0.1"
    )
    check_refusal(run)


def check_refusal(run: Run) -> None:
    assert run.code == UserError.exit_code
    (message,) = run.errors.splitlines()
    assert f"`hf download --repo-type dataset {SBERQUAD}`" in message
    assert run.left_running == []
    assert not (Path(run.recipe.output) / "store").exists()


@pytest.mark.parametrize("name", FROM_HUB)
def test_each_missing_repository_is_named(
    name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe(FOLDER / name, [f"output={tmp_path}", *TEACHER_LAYERS.get(Path(name).stem, [])])
    sources: list[Any] = [recipe.data.source, *(extra.source for extra in recipe.data.extra.values())]
    sections: list[Any] = [*recipe.teachers.values(), *([recipe.student] if recipe.student else [])]
    models = [section.model for section in sections if section.model is not None and section.model.kind == "hub"]
    commands = {f"datasets--{source.id}": f"`hf download --repo-type dataset {source.id}`" for source in sources}
    commands |= {f"models--{model.id}": f"`hf download {model.id}`" for model in models}
    assert all(f"{command.strip('`')}\n" in (FOLDER / name).read_text() for command in commands.values())
    use_cache(tmp_path, monkeypatch)
    for missing, command in commands.items():
        (tmp_path / "hub").mkdir()
        for repository in (home / "hub").iterdir():
            if repository.name != missing.replace("/", "--"):
                (tmp_path / "hub" / repository.name).symlink_to(repository)
        with pytest.raises(UserError, match=command) as caught:
            prepare(recipe)
        assert str(tmp_path / "hub") in str(caught.value)
        shutil.rmtree(tmp_path / "hub")
