"""Models that are run as they were recorded. A CPU has no CUDA graphs; a tape of operations stands in for them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoConfig, AutoModelForQuestionAnswering

from distil.framework.errors import DistilError, ModelError, RecipeError
from distil.framework.models.attention import unread_masks
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare
from distil.framework.stages.planned import check_models
from distil.framework.training.cuda_graphs import RecordedModel
from distil.framework.training.history import Report
from distil.framework.training.job import TrainingJob
from distil.framework.training.loop import train_in_process
from tests.framework.tasks.text.runs import values as texts
from tests.framework.training.students import job_of
from tests.tape import TapeRecorder
from tests.tiny import tiny_values


def trained(job: TrainingJob, output: Path) -> tuple[list[float], dict[str, torch.Tensor]]:
    """The loss of each step, and the weights."""
    rows: list[Report] = []
    train_in_process(replace(job, output=output), rows.append)
    losses = [row.metrics["loss"] for row in rows if row.kind == "step"]
    return losses, load_file(output / "model" / "model.safetensors")


@pytest.mark.parametrize(
    ("precision", "training"),
    [("fp32", {}), ("bf16", {"micro_batch": 5}), ("fp16", {"clip": 0.0})],
)
def test_what_was_recorded_trains_as_the_model_does_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str, training: dict[str, Any]
) -> None:
    """With dropout, a last batch that is smaller, and rates that change from step to step."""
    recorder = TapeRecorder()
    monkeypatch.setattr("distil.framework.training.torch_engine.CudaRecorder", lambda: recorder)
    job = job_of(tmp_path, student__log_every=1, student__epochs=3)
    job = replace(job, precision=precision, training=job.training.model_copy(update=training))
    expected = trained(job, tmp_path / "plain")
    graphs = replace(job, engine=job.engine.model_copy(update={"cuda_graphs": True}))
    losses, weights = trained(graphs, tmp_path / "recorded")
    assert losses == expected[0]
    assert all(torch.equal(weights[name], one) for name, one in expected[1].items())
    passes = len(losses) * (2 if "micro_batch" in training else 1)
    shapes = recorder.recordings // 2  # a pass forward, and one back
    assert 0 < shapes <= recorder.usual < passes - shapes, "of no shape a batch was run again"


class Counting(nn.Module):
    """A model that counts how often its code is run; each of two weights is reached by batches of its own length."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.other = (nn.Parameter(torch.tensor([number])) for number in (2.0, 3.0))
        self.runs = 0

    def forward(self, values: torch.Tensor, twice: bool = False) -> dict[str, Any]:
        self.runs += 1
        weight = self.other if len(values) == 5 else self.weight
        return {"product": weight * values * (1 + twice), "unread": weight + 1, "runs": self.runs}


def recorded(model: nn.Module) -> RecordedModel:
    return RecordedModel(model, model.parameters(), TapeRecorder())


def test_every_shape_is_run_once_and_recorded_once() -> None:
    model = Counting()
    run = recorded(model)
    gradient = 0.0
    for length, twice in ((2, False), (3, False), (2, False), (2, True), (2, False), (3, False), (3, False), (2, True)):
        values = torch.arange(1.0, length + 1)
        output = run(values=values, twice=twice)
        assert torch.equal(output["product"], 2 * values * (1 + twice))
        (output["product"] ** 2).sum().backward()
        run.backward()
        gradient += float(4 * (values * (1 + twice)).square().sum())
        assert model.weight.grad is not None
        assert model.weight.grad.item() == gradient, "gradients add up until they are set to zero"
    assert model.runs == 6  # twice for each of three shapes
    assert model.other.grad is None


def test_batches_that_reach_other_weights_are_refused() -> None:
    run = recorded(Counting())
    for _ in range(2):
        run(values=torch.ones(2))["product"].sum().backward()
        run.backward()
    run(values=torch.ones(5))  # no gradient is asked for, so that the first backward pass is recorded
    run(values=torch.ones(5))["product"].sum().backward()
    with pytest.raises(RecipeError, match=r"not every batch reaches the same weights.*drop engine\.cuda_graphs"):
        run.backward()


def test_losses_that_read_other_outputs_than_when_they_were_recorded_are_refused() -> None:
    run = recorded(Counting())
    for _ in range(2):
        run(values=torch.ones(2))["product"].sum().backward()
        run.backward()
    run(values=torch.ones(2))["unread"].sum().backward()
    with pytest.raises(RecipeError, match=r"not every batch's loss reads the same outputs.*drop engine\.cuda_graphs"):
        run.backward()


def test_what_cannot_be_recorded_is_told_with_its_reason() -> None:
    class Reading(nn.Module):
        fails = False

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            if self.fails:
                raise RuntimeError("operation not permitted when stream is capturing\nCUDA kernel errors …")
            return values

    model = Reading()
    run = recorded(model)
    run(values=torch.ones(2))
    model.fails = True
    with pytest.raises(
        RecipeError, match=r"cannot be recorded: operation not permitted when stream is capturing; drop"
    ):
        run(values=torch.ones(2))


class _FromHost(TorchDispatchMode):
    """Names of operations that take numbers of the host's to the device, but for a single one, which is launched with the operation."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [one for one in tree_leaves((args, kwargs, result)) if isinstance(one, torch.Tensor)]
        devices = {one.device.type for one in tensors if one.dim() or one.device.type != "cpu"}
        if len(devices) > 1:
            self.found.add(str(func))
        return result


_SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 99,
}
_FAMILIES: dict[str, dict[str, Any]] = {
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "vocab_size": 99},
    "bert": _SMALL,
    "xlm-roberta": {**_SMALL, "max_position_embeddings": 80},
    "electra": {**_SMALL, "embedding_size": 32},
    "albert": {**_SMALL, "embedding_size": 16},
    "deberta-v2": {**_SMALL, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    "modernbert": {
        **_SMALL,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "cls_token_id": 1,
        "sep_token_id": 2,
    },
}


@pytest.mark.parametrize(("family", "length"), [*((name, 64) for name in _FAMILIES), ("big_bird", 1024)])
def test_passes_of_usual_models_take_nothing_from_the_host(family: str, length: int) -> None:
    """A graph would do it again with what stood there when it was recorded. The models have no weights, as shapes are enough."""
    with torch.device("meta"):
        model = AutoModelForQuestionAnswering.from_config(AutoConfig.for_model(family, **_FAMILIES.get(family, _SMALL)))
        ids = torch.ones(2, length, dtype=torch.int64)
        with _FromHost() as watched, unread_masks():
            output = model.train()(input_ids=ids, attention_mask=torch.ones_like(ids))
            (output.start_logits + output.end_logits).sum().backward()
    assert bool(watched.found) == (family == "big_bird")  # whose random attention the host draws


def test_trainings_that_cannot_be_recorded_are_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = {"engine__cuda_graphs": True}

    def refused(error: type[DistilError], match: str, of: Any = tiny_values, **changes: Any) -> None:
        with pytest.raises(error, match=match):
            check_models(recipe_from_values(of(tmp_path, **on, **changes), "here"))

    refused(RecipeError, r"engine\.cuda_graphs needs a GPU and there is none here; drop it")
    refused(RecipeError, r"cuda_graphs is for PyTorch by itself: drop it", engine__zero_stage=1)
    refused(RecipeError, r"student\.packing .* engine\.cuda_graphs holds one: drop either", student__packing=True)
    refused(
        RecipeError,
        r"student\.gradient_checkpointing .* cannot record: drop either",
        student__gradient_checkpointing=True,
    )
    refused(RecipeError, r"the losses \['hidden_mse'\] look at .*: drop cuda_graphs, or", losses={"hidden_mse": None})
    monkeypatch.setattr("distil.framework.stages.planned.device_kind", lambda: "cuda")
    refused(RecipeError, r"one worker, and that of teachers\.teacher has 2: set engine\.workers: 1", engine__workers=2)
    refused(ModelError, r"^teachers\.a: .* a model that writes have too many shapes: drop", of=texts)
    bart = {"kind": "config", "architecture": "bart", "config": {"d_model": 32, "encoder_layerdrop": 0.1}}
    refused(ModelError, r"^student: .* a bart model leaves out layers at random: drop", student__model=bart)
    check_models(recipe_from_values(tiny_values(tmp_path, **on), "here"))


def test_it_is_digested_only_where_it_is_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distil.framework.stages.planned.device_kind", lambda: "cuda")

    def digests(**changes: Any) -> list[str]:
        graph = prepare(recipe_from_values(tiny_values(tmp_path, **changes), "here"))[1]
        return [model.trained.digest for model in graph.models if model.trained is not None]

    assert digests(engine__cuda_graphs=False) == digests()
    assert not set(digests()) & set(digests(engine__cuda_graphs=True))
