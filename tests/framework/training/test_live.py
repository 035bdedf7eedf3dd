"""Training beside a live teacher: what is trained, what is saved, ZeRO, precisions, workers, exact resumption."""

import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForQuestionAnswering

from distil.framework.config import Section
from distil.framework.errors import ModelError, UserError
from distil.framework.losses.base import Weight
from distil.framework.losses.live import States, Wanted
from distil.framework.losses.states import split_heads
from distil.framework.models.attention import unread_masks
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.training.history import Report
from distil.framework.training.job import TrainingJob, TrainingSummary
from distil.framework.training.live import LiveDistillation, check_states, run_with_states
from distil.framework.training.loop import train_in_process
from distil.framework.training.section import Engine
from tests.blocking import blocking_reads
from tests.framework.training.students import job_of
from tests.framework.training.workers import by_two_workers
from tests.tiny import tiny_values

TOKENIZER = {"kind": "wordpiece", "vocab_size": 400}
WITHOUT_DROPOUT = {"dropout": 0.0, "attention_dropout": 0.0, "qa_dropout": 0.0}
NARROW = {
    "kind": "config",
    "architecture": "distilbert",
    "config": {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32, **WITHOUT_DROPOUT},
}
COPY: dict[str, Any] = {"student__model": {"kind": "layers", "teacher": "teacher", "layers": [0, 1]}}
CONFIG: dict[str, Any] = {"student__model": NARROW, "student__tokenizer": TOKENIZER}
LOSSES: dict[str, Any] = {
    "kl": {"weight": 0.5},
    "states": {"kind": "hidden_mse", "layers": {0: -1}},
    "attention_mse": {"weight": {"start": 1.0, "end": 0.0}},
    "minilm_relations": {"relation_heads": 4},
}
SIZES = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 32}
DISTILBERT = {"dim": 16, "n_layers": 3, "n_heads": 4, "hidden_dim": 32}


class _Stop(Exception):
    pass


class LastCosine(Section):
    """A loss that shares no class with the built-in ones: 1 - cosine between the first tokens' last states."""

    kind: str
    weight: Weight = 1.0
    teacher: str | None = None
    source: ClassVar[Literal["live"]] = "live"

    def wants(self, student: Any, teacher: Any) -> tuple[Wanted, Wanted]:
        return Wanted(hidden=True), Wanted(hidden=True)

    def new_projection(self, student: Any, teacher: Any) -> torch.nn.Module:
        return torch.nn.Linear(student.hidden_size, teacher.hidden_size)

    def __call__(self, student: States, teacher: States, mask: torch.Tensor, projection: Any) -> torch.Tensor:
        own, other = projection(student.hidden[-1][:, 0]), teacher.hidden[-1][:, 0]
        return 1 - torch.cosine_similarity(own, other, dim=-1)


def live_job(output: Path, **changes: Any) -> TrainingJob:
    """The training of the tiny recipe's student, caught when all before it is done; its teacher is a BERT."""
    caught: list[TrainingJob] = []

    def catch(job: TrainingJob, report: Any) -> TrainingSummary:
        if not isinstance(job.objective, LiveDistillation):
            return train_in_process(job, report)
        caught.append(job)
        raise _Stop

    values = tiny_values(
        output,
        teachers__teacher__tokenizer=TOKENIZER,
        teachers__teacher__fine_tune={"epochs": 1},
        baselines=None,
        **{"student__tokenizer": None, "student__checkpoint_every": 2, "losses": LOSSES, **changes},
    )
    with pytest.raises(_Stop):
        run(recipe_from_values(values, "here"), train=catch)
    return caught[0]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> TrainingJob:
    return live_job(tmp_path_factory.mktemp("narrow"), **CONFIG)


def trained(job: TrainingJob, output: Path) -> tuple[dict[str, list[float]], dict[str, torch.Tensor]]:
    """Each term's course and the weights after training."""
    rows: list[Report] = []
    train_in_process(replace(job, output=output), rows.append)
    steps = [row.metrics for row in rows if row.kind == "step"]
    courses = {name: [step[name] for step in steps] for name in steps[0] if name.startswith("loss")}
    return courses, load_file(output / "model" / "model.safetensors")


@pytest.fixture(scope="module")
def plain(job: TrainingJob, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return trained(job, tmp_path_factory.mktemp("plain"))


def a_batch(job: TrainingJob, rows: int = 8) -> Any:
    return job.objective.batch(np.arange(rows), counts=True, step=0)


def test_the_losses_fall_and_the_saved_model_is_the_student_alone(plain: Any, job: TrainingJob) -> None:
    courses, weights = plain
    assert set(courses) == {"loss", *(f"loss/{name}" for name in LOSSES)}
    assert courses["loss/states"][-1] < courses["loss/states"][0]
    assert set(weights) == set(load_file(job.initial / "model.safetensors"))


def test_gradients_reach_the_student_and_the_projection_and_nothing_else(job: TrainingJob) -> None:
    module = job.objective.build(job.initial, job.seed)
    names = [name for name, _ in module.named_parameters() if not name.startswith("student.")]
    assert names == ["projections.0.layers.weight"]
    objective = replace(job.objective, logits=replace(job.objective.logits, losses={}))
    loss, terms = objective.loss(module, a_batch(job), progress=0.0)
    assert list(terms) == ["attention_mse", "minilm_relations", "states"]
    loss.backward()
    with_gradient = {name for name, one in module.named_parameters() if one.grad is not None and one.grad.any()}
    # Logits have no loss here, so that only the head gets none.
    assert with_gradient == {name for name, _ in module.named_parameters() if "qa_outputs" not in name}
    (teacher,) = module.teachers
    assert not teacher.model.training
    assert all(one.grad is None for one in teacher.model.parameters())


def test_the_total_is_the_weighted_sum_of_all_terms(job: TrainingJob) -> None:
    module = job.objective.build(job.initial, job.seed)
    loss, terms = job.objective.loss(module, a_batch(job), progress=0.75)
    weights = {"kl": 0.5, "states": 1.0, "attention_mse": 0.25, "minilm_relations": 1.0}
    assert loss.item() == pytest.approx(sum(weights[name] * float(term) for name, term in terms.items()), rel=1e-5)
    idle = job.objective.batch(np.arange(2), counts=False, step=0)
    assert job.objective.loss(module, idle, progress=0.75)[0].item() == 0


def test_the_teacher_reads_each_batch_once_with_the_token_types_that_only_it_has(job: TrainingJob) -> None:
    module = job.objective.build(job.initial, job.seed)
    (teacher,) = module.teachers
    seen: list[Any] = []
    teacher.model.register_forward_pre_hook(lambda _, __, given: seen.append(given), with_kwargs=True)
    module.student.register_forward_pre_hook(lambda _, __, given: seen.append(given), with_kwargs=True)
    batch = a_batch(job)
    job.objective.loss(module, batch, progress=0.0)
    assert len(seen) == 2
    (read,) = (given for given in seen if "token_type_ids" in given)
    assert read["token_type_ids"].amax(1).tolist() == [1] * 8
    assert torch.equal(read["input_ids"], batch.inputs["input_ids"])


def test_nothing_waits_for_the_device(job: TrainingJob) -> None:
    module, batch = job.objective.build(job.initial, job.seed), a_batch(job)
    with unread_masks(), blocking_reads() as waits:
        loss, _ = job.objective.loss(module, batch, progress=0.0)
        loss.backward()
    assert waits == []


def test_a_copy_of_the_teacher_costs_nothing(tmp_path: Path) -> None:
    losses = {"hidden_mse": {"embeddings": True, "layers": {0: 0, 1: 1}}, "attention_mse": {}, "minilm_relations": {}}
    copied = live_job(tmp_path, **COPY, losses=losses)
    module = copied.objective.build(copied.initial, copied.seed)
    assert not list(module.projections)
    loss, _ = copied.objective.loss(module.eval(), a_batch(copied), progress=0.0)
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_new_projections_come_from_the_seed(job: TrainingJob) -> None:
    def projection(seed: int) -> torch.Tensor:
        torch.rand(seed)  # whatever has been drawn before
        return job.objective.build(job.initial, seed).projections[0]["layers"].weight.detach()

    assert torch.equal(projection(3), projection(3))
    assert not torch.equal(projection(3), projection(4))


@pytest.mark.parametrize("stage", [2, 3])
def test_zero_stages_train_alike(job: TrainingJob, plain: Any, tmp_path: Path, stage: int) -> None:
    courses, weights = trained(replace(job, engine=Engine(zero_stage=stage, workers=1, threads=1)), tmp_path)
    for name, course in plain[0].items():
        assert courses[name] == pytest.approx(course, abs=1e-4), name
    for name, tensor in plain[1].items():
        torch.testing.assert_close(weights[name], tensor, atol=1e-3, rtol=0)


def test_bf16_trains_with_accumulation(job: TrainingJob, plain: Any, tmp_path: Path) -> None:
    training = job.training.model_copy(update={"micro_batch": 8})
    objective = replace(job.objective, precision="bf16")
    courses, weights = trained(replace(job, precision="bf16", training=training, objective=objective), tmp_path)
    assert courses["loss/states"] == pytest.approx(plain[0]["loss/states"], rel=0.05)
    assert {str(tensor.dtype) for tensor in weights.values()} == {"torch.float32"}


@pytest.mark.parametrize("zero_stage", [0, 3])
def test_a_training_stopped_at_any_step_goes_on_exactly(job: TrainingJob, tmp_path: Path, zero_stage: int) -> None:
    wanted = replace(job, engine=Engine(zero_stage=zero_stage, workers=1, threads=1))
    courses, expected = trained(wanted, tmp_path / "whole")
    for stop in (3, 7):

        def until(row: Report, stop: int = stop) -> None:
            if row.kind == "step" and row.step >= stop:
                raise _Stop

        with pytest.raises(_Stop):
            train_in_process(replace(wanted, output=tmp_path / "broken"), until)
    rest, weights = trained(wanted, tmp_path / "broken")
    for name, course in rest.items():
        assert 0 < len(course) < len(courses[name])
        assert course == courses[name][-len(course) :]
    assert all(torch.equal(weights[name], tensor) for name, tensor in expected.items())


@pytest.mark.timeout(600)
@pytest.mark.parametrize("micro_batch", [None, 3])
def test_two_workers_train_as_one(job: TrainingJob, plain: Any, tmp_path: Path, micro_batch: int | None) -> None:
    (found,) = by_two_workers([_of_two(job, tmp_path, 0, micro_batch)])
    assert found == pytest.approx(plain[0]["loss"], abs=1e-4)


@pytest.mark.timeout(600)
def test_two_workers_that_share_out_gradients_train_every_task_as_one(
    job: TrainingJob, plain: Any, tmp_path: Path
) -> None:
    """ZeRO 2, of a live teacher's student, and of students of classification and tagging."""
    jobs = {"live": job, **{kind: _of_task(kind, source, tmp_path) for kind, source in _SOURCES.items()}}
    expected = [plain[0]["loss"]]
    for kind in _SOURCES:
        (tmp_path / "alone" / kind).mkdir(parents=True)
        expected.append(trained(jobs[kind], tmp_path / "alone" / kind)[0]["loss"])
    for name in jobs:
        (tmp_path / name).mkdir(exist_ok=True)
    found = by_two_workers([_of_two(one, tmp_path / name, 2, 3) for name, one in jobs.items()])
    for losses, wanted in zip(found, expected, strict=True):
        assert len(wanted) > 2
        assert losses == pytest.approx(wanted, abs=1e-4)


_SOURCES = {"classification": "messages", "tagging": "news"}


def _of_task(kind: str, source: str, output: Path) -> TrainingJob:
    """The training of a student of another task, without dropout, of labels alone."""
    changes: dict[str, Any] = {
        "data__source": {"kind": source, "examples": {"train": 48, "validation": 8}},
        "task": {"kind": kind},
        "windows": {"max_length": 48, **({"doc_stride": 8} if kind == "tagging" else {})},
        "student__model": {**NARROW, "config": {**NARROW["config"], "seq_classif_dropout": 0.0}},
    }
    return job_of(output / "runs", **changes)


def _of_two(job: TrainingJob, output: Path, zero_stage: Literal[0, 2], micro_batch: int | None) -> TrainingJob:
    training = job.training.model_copy(update={"micro_batch": micro_batch})
    engine = Engine(zero_stage=zero_stage, workers=2, threads=1)
    return replace(job, output=output, workers=2, training=training, engine=engine)


def test_a_loss_of_the_users_own_looks_into_the_teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("of_the_user")
    vars(module).update(LastCosine=LastCosine)
    monkeypatch.setitem(sys.modules, "of_the_user", module)
    losses = {"cosine": {"kind": "of_the_user:LastCosine", "weight": 2.0}}
    courses, _ = trained(live_job(tmp_path, **CONFIG, losses=losses), tmp_path / "trained")
    assert courses["loss"] == pytest.approx([2 * value for value in courses["loss/cosine"]])
    assert courses["loss"][-1] < courses["loss"][0]


class Projected(LastCosine):
    """A loss whose projection is no module."""

    def new_projection(self, student: Any, teacher: Any) -> Any:
        return "W"


class Deep(LastCosine):
    """A loss that wants a layer which there is not."""

    def wants(self, student: Any, teacher: Any) -> tuple[Wanted, Wanted]:
        return Wanted(attention=frozenset({7})), Wanted(hidden=True)


def test_what_a_loss_of_the_users_own_asks_for_in_vain_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("of_the_user")
    vars(module).update(Projected=Projected, Deep=Deep)
    monkeypatch.setitem(sys.modules, "of_the_user", module)
    with pytest.raises(UserError, match=r"losses\.mine: its `new_projection` gives 'W', expected a torch\.nn\.Module"):
        trained(live_job(tmp_path, **CONFIG, losses={"mine": {"kind": "of_the_user:Projected"}}), tmp_path / "trained")
    with pytest.raises(ModelError, match=r"losses\.mine: it wants attention vectors of layer 7"):
        live_job(tmp_path, **CONFIG, losses={"mine": {"kind": "of_the_user:Deep"}})


@pytest.mark.parametrize("student", [COPY, CONFIG], ids=["layers", "config"])
def test_a_run_with_live_losses_leaves_a_student_that_answers(tmp_path: Path, student: dict[str, Any]) -> None:
    values = tiny_values(
        tmp_path,
        teachers__teacher__tokenizer=TOKENIZER,
        **{"student__tokenizer": None, **student},
        losses={"kl": {}, "hidden_mse": {}, "minilm_relations": {"relation_heads": 2}},
        evaluation__latency_questions=0,
    )
    recipe = recipe_from_values(values, "here")
    results = run(recipe)
    assert results["state"] == "finished"
    _, baseline, model = results["models"]
    assert "hidden_mse" in (tmp_path / model["history"]).read_text()
    assert "hidden_mse" not in (tmp_path / baseline["history"]).read_text()
    assert model["evaluation"]["examples"] == 24
    again = run(recipe)
    assert all(one["reused"] for one in again["models"])


def model(architecture: str) -> Any:
    """A small random one whose attention weights can be asked for."""
    torch.manual_seed(0)
    fields = DISTILBERT if architecture == "distilbert" else SIZES
    config = AutoConfig.for_model(architecture, **fields, vocab_size=50, pad_token_id=0)
    return AutoModelForQuestionAnswering.from_config(config, attn_implementation="eager").eval()


def inputs() -> dict[str, torch.Tensor]:
    mask = torch.tensor([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]])
    types = torch.tensor([[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0, 0]])
    ids = torch.randint(5, 50, (2, 7), generator=torch.Generator().manual_seed(1)) * mask
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


@pytest.mark.parametrize("architecture", ["bert", "roberta", "xlm-roberta", "camembert", "electra", "distilbert"])
def test_recorded_vectors_are_those_of_which_attention_is_made(architecture: str) -> None:
    encoder, batch = model(architecture), inputs()
    output, states = run_with_states(encoder, batch, Wanted(hidden=True, attention=frozenset({0, 2})))

    if architecture == "distilbert":
        del batch["token_type_ids"]
    expected = encoder(**batch, output_attentions=True, output_hidden_states=True)
    torch.testing.assert_close(output.start_logits, expected.start_logits)
    assert (states.layers, states.heads, sorted(states.attention)) == (3, 4, [0, 2])
    assert len(states.hidden) == 4
    for found, hidden in zip(states.hidden, expected.hidden_states, strict=True):
        torch.testing.assert_close(found, hidden)
    outside = ~batch["attention_mask"].bool()[:, None, None, :]
    for layer, (queries, keys, values) in states.attention.items():
        scores = split_heads(queries, 4) @ split_heads(keys, 4).transpose(-1, -2) / 2.0
        torch.testing.assert_close(scores.masked_fill(outside, -1e30).softmax(-1), expected.attentions[layer])
        assert values.shape == (2, 7, 16)
        assert not torch.equal(values, keys)


def test_nothing_that_is_not_wanted_is_kept_and_no_hook_stays() -> None:
    encoder = model("bert")
    output, states = run_with_states(encoder, inputs(), Wanted())
    assert (states.hidden, states.attention, output.hidden_states) == ((), {}, None)
    before = sum(len(module._forward_hooks) for module in encoder.modules())
    run_with_states(encoder, inputs(), Wanted(attention=frozenset({1})))
    assert sum(len(module._forward_hooks) for module in encoder.modules()) == before


WIDTHS = {"d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 16}
FEW = {"hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 16}


@pytest.mark.parametrize(
    ("architecture", "fields"),
    [
        ("fnet", FEW),  # it has no attention heads
        ("big_bird", {**FEW, "num_attention_heads": 2, "block_size": 4, "num_random_blocks": 1}),  # fills up blocks
    ],
)
def test_hidden_states_are_one_a_token_and_layer(architecture: str, fields: dict[str, Any]) -> None:
    config = new_config(ConfigModel(architecture=architecture, config=fields), 50, 0, {"sep_token_id": 3})
    check_states(ExtractiveQA(), config, Wanted(hidden=True))
    encoder = AutoModelForQuestionAnswering.from_config(config).eval()
    batch = {"input_ids": torch.full((1, 61), 20), "attention_mask": torch.ones(1, 61, dtype=torch.int64)}
    _, states = run_with_states(encoder, batch, Wanted(hidden=True))
    assert [tuple(state.shape) for state in states.hidden] == [(1, 61, 16)] * 3


@pytest.mark.parametrize(
    ("architecture", "fields"),
    [
        ("bart", {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1}),
        ("funnel", {**WIDTHS, "block_sizes": [1, 1]}),
        ("canine", {**FEW, "num_attention_heads": 2}),
    ],
)
def test_models_without_a_state_of_each_token_are_refused_before_there_are_weights(
    architecture: str, fields: dict[str, Any]
) -> None:
    config = new_config(ConfigModel(architecture=architecture, config=fields), 50, 0)
    with pytest.raises(ModelError, match=f"a {architecture} model does not compute a hidden state of every token"):
        check_states(ExtractiveQA(), config, Wanted(hidden=True))
    check_states(ExtractiveQA(), config, Wanted())
