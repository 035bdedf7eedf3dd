"""Teachers in bf16, in 8 and 4 bits, and those of which adapters alone are trained."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from distil.framework.answer import load_answerer
from distil.framework.errors import ModelError, RecipeError
from distil.framework.extras import MissingPackageError
from distil.framework.files import read_json
from distil.framework.models.build import pretrained_model
from distil.framework.models.formats import FLOAT32, WeightFormat
from distil.framework.predictors.logits import logits_predictor
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare, run
from distil.framework.stages.models import ModelStages
from distil.framework.stages.stage import Context
from distil.framework.tables import table_rows
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.training.job import Trainer, TrainingJob, TrainingSummary
from distil.framework.training.loop import train_in_process
from tests.framework.generative.tiny_models import PROMPT, SIZES
from tests.framework.training.students import Stop
from tests.framework.training.workers import by_two_workers
from tests.tiny import tiny_values

LORA = {"rank": 4, "dropout": 0.1}
FINE_TUNE = {"lr": 3e-3, "epochs": 2, "batch_size": 16, "checkpoint_every": 2, "log_every": 1, "lora": LORA}
_FEW = {"kind": "synthetic", "examples": {"train": 48, "validation": 8}, "facts": 2, "fillers": 0}


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of an encoder, an encoder-decoder and a decoder with random weights, as anyone may have them."""
    values = tiny_values(tmp_path_factory.mktemp("bases"), student=None, losses=None, baselines=None, data__source=_FEW)
    for name, kind in (("t5", "unigram"), ("gpt2", "bpe")):
        values["teachers"][name] = {
            "kind": "generative",
            "model": {"kind": "config", "architecture": name, "config": SIZES[name]},
            "tokenizer": {"kind": kind, "vocab_size": 400},
            "fine_tune": {"epochs": 1},
            "windows": {"max_length": 200, "doc_stride": 16, "max_question": 24},
            "prompt": PROMPT,
        }
    values["teachers"]["bert"] = values["teachers"].pop("teacher")
    context, graph = prepare(recipe_from_values(values, "here"))
    found = {}
    for model in graph.models:
        for stage in (model.tokenizer, model.initial):
            assert stage is not None
            context.store.produce(stage.key, stage.make)
        found[model.name] = model.initial.folder(context.store) / "model"
    return found


def teacher_of(base: Path, generates: bool = False, fine_tune: Any = None, **model: Any) -> dict[str, Any]:
    section = {
        "kind": "generative" if generates else "encoder",
        "model": {"kind": "folder", "path": str(base), **model},
    }
    if generates:
        section |= {"windows": {"max_length": 200, "doc_stride": 16, "max_question": 24}, "prompt": PROMPT, "beams": 2}
        section |= {"candidates": 2, "max_answer": 8}
    return section | ({"fine_tune": fine_tune} if fine_tune else {})


def values_of(output: Path, teachers: dict[str, Any], **changes: Any) -> dict[str, Any]:
    several = {"ensemble": {"rule": "mean"}} if len(teachers) > 1 else {}
    settings = {"baselines": None, "data__source": _FEW, "evaluation__latency_questions": 0, "student__epochs": 1}
    return tiny_values(output, teachers=teachers, **{**settings, **several, **changes})


def stages_of(
    output: Path, teacher: dict[str, Any], train: Trainer = train_in_process, **changes: Any
) -> tuple[Context, ModelStages]:
    """A teacher, ready to be trained."""
    alone = {"student": None, "losses": None}
    context, graph = prepare(recipe_from_values(values_of(output, {"one": teacher}, **alone, **changes), "here"), train)
    (model,) = graph.models
    context.store.produce(model.initial.key, model.initial.make)
    return context, model


def trained(output: Path, teacher: dict[str, Any], **changes: Any) -> tuple[Path, list[float]]:
    """The folder of a teacher's model, and the losses of its training."""
    context, model = stages_of(output, teacher, **changes)
    assert model.trained is not None
    folder = context.store.produce(model.trained.key, model.trained.make).folder
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return folder / "model", [row["metrics"]["loss"] for row in rows if row["kind"] == "step"]


def test_teachers_are_held_in_their_numbers_and_say_so(tmp_path: Path, bases: dict[str, Path]) -> None:
    """Encoder and generators, taken as they are, precomputed signals, an ensemble of both."""
    teachers = {
        "whole": teacher_of(bases["bert"]),
        "half": teacher_of(bases["bert"], dtype="bf16"),
        "t5": teacher_of(bases["t5"], generates=True, dtype="bf16"),
        "gpt": teacher_of(bases["gpt2"], generates=True, dtype="fp16"),
    }
    recipe = recipe_from_values(values_of(tmp_path, teachers), "here")
    results = run(recipe)
    found = {model["name"]: model for model in results["models"]}
    assert {name: model["dtype"] for name, model in found.items()} == {
        "whole": "fp32", "half": "bf16", "t5": "bf16", "gpt": "fp16", "ensemble": None, "student": "fp32",
    }  # fmt: skip
    written = {row[0]: row[2] for row in table_rows(results)}
    assert written["half"].endswith(", bf16")
    assert "," not in written["whole"] + written["student"]
    assert found["whole"]["digest"] != found["half"]["digest"]
    folders = {name: tmp_path / str(found[name]["folder"]) for name in teachers}
    assert {one.dtype for one in load_file(folders["half"] / "model.safetensors").values()} == {torch.bfloat16}
    assert read_json(folders["half"] / "config.json")["dtype"] == "bfloat16"
    context, _ = prepare(recipe)
    examples, inference = context.data["dev"].examples, context.inference(recipe.windows)
    answers = [logits_predictor(folders[name], inference).outputs(examples)[1] for name in ("whole", "half")]
    spread = max(float(np.abs(one).max()) for one in answers[0])
    differences = [float(np.abs(one - other).max()) for one, other in zip(*answers, strict=True)]
    assert 0 < max(differences) < 0.05 * spread


def test_weights_are_loaded_in_what_is_asked_for_and_else_as_they_are_saved(
    bases: dict[str, Path], tmp_path: Path
) -> None:
    model = pretrained_model(ExtractiveQA(), bases["bert"], 0, weights=WeightFormat("bf16"))
    assert {one.dtype for one in model.parameters()} == {torch.bfloat16}
    model.save_pretrained(tmp_path)
    for folder, weights, dtype in [
        (bases["bert"], None, torch.float32),
        (tmp_path, None, torch.bfloat16),
        (tmp_path, FLOAT32, torch.float32),
    ]:
        found = pretrained_model(ExtractiveQA(), folder, weights=weights)
        assert {one.dtype for one in found.parameters()} == {dtype}


def test_a_student_looks_into_a_teacher_in_bf16_and_is_made_of_its_layers(
    tmp_path: Path, bases: dict[str, Path]
) -> None:
    values = values_of(
        tmp_path,
        {"half": teacher_of(bases["bert"], dtype="bf16")},
        student__model={"kind": "layers", "teacher": "half", "layers": [0]},
        student__tokenizer=None,
        losses={"hidden_mse": None, "minilm_relations": None, "hard_label": None},
    )
    results = run(recipe_from_values(values, "here"))
    student = load_file(tmp_path / str(results["models"][-1]["folder"]) / "model.safetensors")
    assert {one.dtype for one in student.values()} == {torch.float32}
    rows = [json.loads(line) for line in (tmp_path / str(results["models"][-1]["history"])).read_text().splitlines()]
    assert all(np.isfinite(row["metrics"]["loss/hidden_mse"]) for row in rows if row["kind"] == "step")


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_adapters_and_the_head_alone_are_trained_and_end_in_the_weights(
    tmp_path: Path, bases: dict[str, Path], dtype: str
) -> None:
    folder, losses = trained(tmp_path, teacher_of(bases["bert"], fine_tune=FINE_TUNE, dtype=dtype))
    assert losses[-1] < losses[0]
    before = pretrained_model(ExtractiveQA(), bases["bert"], 0, weights=WeightFormat(dtype)).state_dict()  # type: ignore[arg-type]
    after = load_file(folder / "model.safetensors")
    assert after.keys() == before.keys()
    assert {one.dtype for one in after.values()} == {torch.bfloat16 if dtype == "bf16" else torch.float32}
    moved = {name for name, weight in after.items() if not torch.equal(weight, before[name])}
    layers = {name for name in before if ".layer." in name and name.endswith("weight") and "LayerNorm" not in name}
    assert moved == layers | {"qa_outputs.weight", "qa_outputs.bias"}
    assert not (folder / "adapter_config.json").exists()


@pytest.mark.parametrize("name", ["t5", "gpt2"])
def test_generators_get_adapters(tmp_path: Path, bases: dict[str, Path], name: str) -> None:
    folder, losses = trained(tmp_path, teacher_of(bases[name], True, FINE_TUNE, dtype="bf16"))
    assert losses[-1] < losses[0]
    before, after = load_file(bases[name] / "model.safetensors"), load_file(folder / "model.safetensors")
    assert after.keys() == before.keys()
    assert {one.dtype for one in after.values()} == {torch.bfloat16}
    moved = {key for key, weight in after.items() if not torch.equal(weight, before[key].bfloat16())}
    assert moved
    assert all(
        after[key].dim() == 2 and "embed" not in key and "wte" not in key and "shared" not in key for key in moved
    )
    load_answerer(folder)


def until(step: int) -> Trainer:
    def train(job: TrainingJob, report: Any) -> TrainingSummary:
        def told(row: Any) -> None:
            report(row)
            if row.kind == "step" and row.step >= step:
                raise Stop

        return train_in_process(job, told)

    return train


def test_checkpoints_hold_what_is_trained_and_a_training_goes_on_exactly(
    tmp_path: Path, bases: dict[str, Path]
) -> None:
    teacher = teacher_of(bases["bert"], fine_tune=FINE_TUNE)
    whole, losses = trained(tmp_path / "whole", teacher)
    context, model = stages_of(tmp_path / "parts", teacher, until(3))
    assert model.trained is not None
    folder = model.trained.folder(context.store)
    folder.mkdir(parents=True)
    with pytest.raises(Stop):
        model.trained.make(folder)
    (path,) = folder.glob("checkpoints/step-*/engine.pt")
    state = torch.load(path, weights_only=True)
    names = set(state["module"])
    assert {"qa_outputs.modules_to_save.default.weight", "qa_outputs.modules_to_save.default.bias"} < names
    assert all(".lora_" in name or ".modules_to_save." in name for name in names)
    again, rest = trained(tmp_path / "parts", teacher)
    assert rest[-1] == losses[-1]
    expected, found = load_file(whole / "model.safetensors"), load_file(again / "model.safetensors")
    assert all(torch.equal(weight, found[name]) for name, weight in expected.items())


def job_of(output: Path, teacher: dict[str, Any], **changes: Any) -> TrainingJob:
    caught: list[TrainingJob] = []

    def catch(job: TrainingJob, report: Any) -> TrainingSummary:
        caught.append(job)
        raise Stop

    context, model = stages_of(output, teacher, catch, **changes)
    assert model.trained is not None
    with pytest.raises(Stop):
        context.store.produce(model.trained.key, model.trained.make)
    return caught[0]


def test_two_workers_train_adapters_as_one(tmp_path: Path, bases: dict[str, Path]) -> None:
    still = {**FINE_TUNE, "lora": {"rank": 4, "dropout": 0.0}}
    teacher = teacher_of(bases["gpt2"], True, still)
    job = job_of(tmp_path / "job", teacher)
    config = read_json(job.initial / "config.json")
    config |= dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
    (job.initial / "config.json").write_text(json.dumps(config))
    (job.initial.parent / "manifest.json").unlink()
    rows: list[Any] = []
    train_in_process(replace(job, output=tmp_path / "one"), rows.append)
    expected = [row.metrics["loss"] for row in rows if row.kind == "step"]
    engine = job.engine.model_copy(update={"workers": 2, "threads": 1})
    (found,) = by_two_workers([replace(job, output=tmp_path / "two", workers=2, engine=engine)])
    assert found == pytest.approx(expected, abs=1e-4)
    assert (
        load_file(tmp_path / "two" / "model" / "model.safetensors").keys()
        == load_file(tmp_path / "one" / "model" / "model.safetensors").keys()
    )


def test_a_student_gets_adapters_too(tmp_path: Path, bases: dict[str, Path]) -> None:
    values = values_of(
        tmp_path,
        {"one": teacher_of(bases["bert"])},
        student__model={"kind": "layers", "teacher": "one", "layers": [0, 1]},
        student__tokenizer=None,
        student__lora=LORA,
        evaluation__during_training=True,
        losses={"kl": None, "hidden_mse": None},
    )
    results = run(recipe_from_values(values, "here"))
    before = load_file(bases["bert"] / "model.safetensors")
    after = load_file(tmp_path / str(results["models"][-1]["folder"]) / "model.safetensors")
    assert after.keys() == before.keys()
    assert torch.equal(
        after["bert.embeddings.word_embeddings.weight"], before["bert.embeddings.word_embeddings.weight"]
    )
    assert results["models"][-1]["settings"]["lora.rank"] == 4


_HALF = {"kind": "folder", "path": "models/x", "dtype": "bf16"}
_FOUR = {"kind": "folder", "path": "models/x", "quantization": "nf4"}
_OWN = {"kind": "pretrained"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"teachers__teacher__model": _HALF, "teachers__teacher__tokenizer": _OWN},
            r"loaded in bf16: train adapters \(fine_tune: \{lora: .* or drop `dtype`",
        ),
        (
            {"teachers__teacher__model": _FOUR, "teachers__teacher__tokenizer": _OWN},
            r"loaded in nf4: train adapters .* or drop `quantization`",
        ),
        ({"teachers__teacher__fine_tune__lora": {}}, "one with random weights has learnt nothing"),
        ({"student__lora": {}}, "one with random weights has learnt nothing"),
        ({"student__lora": {}, "student__layer_decay": 0.9}, "drop layer_decay, or lora"),
        ({"student__model": _HALF, "student__tokenizer": _OWN}, r"`model\.dtype` is for teachers"),
        ({"student__model": _FOUR, "student__tokenizer": _OWN}, r"`model\.quantization` is for teachers"),
        (
            {
                "teachers__teacher": {"kind": "encoder", "model": _HALF, "fine_tune": {"lora": {}}},
                "engine__zero_stage": 2,
            },
            r"teachers\.teacher\.fine_tune\.lora: .* set engine\.zero_stage: 0",
        ),
        (
            {"teachers__teacher": {"kind": "encoder", "model": {**_HALF, "dtype": "fp16"}, "fine_tune": {"lora": {}}}},
            r"dtype is fp16, in which small gradients are lost .* bf16",
        ),
        (
            {
                "teachers__teacher": {"kind": "encoder", "model": _FOUR},
                "student__model": {"kind": "layers", "teacher": "teacher", "layers": [0]},
                "student__tokenizer": _OWN,
            },
            "held in nf4, and a student's are copied in fp32",
        ),
        ({"teachers__teacher__fine_tune__lora": {"targets": "query"}}, "auto"),
    ],
)
def test_what_cannot_be_is_refused_in_the_recipe(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        recipe_from_values(tiny_values(tmp_path, **changes), "here")


def test_bits_are_told_to_take_a_package(
    tmp_path: Path, bases: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distil.framework.extras.is_there", lambda package: package != "bitsandbytes")
    recipe = recipe_from_values(values_of(tmp_path, {"one": teacher_of(bases["bert"], quantization="int8")}), "here")
    words = r"teachers\.one\.model\.quantization takes bitsandbytes, .*multi-teacher-distil\[quantize\]"
    with pytest.raises(MissingPackageError, match=words):
        prepare(recipe)


def test_targets_that_are_not_there_are_named(tmp_path: Path, bases: dict[str, Path]) -> None:
    lora = {**FINE_TUNE, "lora": {"targets": ["q_proj"]}}
    with pytest.raises(ModelError, match=r"cannot put adapters into a bert model, lora\.targets \['q_proj'\]"):
        trained(tmp_path, teacher_of(bases["bert"], fine_tune=lora))


class TestQuantised:
    """In 8 and 4 bits, by bitsandbytes, on a CPU."""

    pytestmark = pytest.mark.skipif(
        importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed"
    )

    @pytest.mark.parametrize(("quantization", "dtype"), [("int8", "fp32"), ("nf4", "fp32"), ("nf4", "bf16")])
    def test_a_quantised_teacher_is_asked(
        self, tmp_path: Path, bases: dict[str, Path], quantization: str, dtype: str
    ) -> None:
        teachers = {
            "bert": teacher_of(bases["bert"], quantization=quantization, dtype=dtype),
            "gpt": teacher_of(bases["gpt2"], True, quantization=quantization, dtype=dtype),
        }
        results = run(recipe_from_values(values_of(tmp_path, teachers), "here"))
        whole = pretrained_model(ExtractiveQA(), bases["bert"], weights=FLOAT32)
        found = results["models"][0]
        assert found["dtype"] == quantization
        assert found["parameters"] == sum(one.numel() for one in whole.parameters())
        folder = tmp_path / str(found["folder"])
        stored = load_file(folder / "model.safetensors")
        packed = stored["bert.encoder.layer.0.attention.self.query.weight"]
        assert packed.dtype == (torch.int8 if quantization == "int8" else torch.uint8)
        assert stored["qa_outputs.weight"].is_floating_point()
        ids = torch.arange(5, 25)[None]
        with torch.inference_mode():
            logits = pretrained_model(ExtractiveQA(), folder).eval()(ids).start_logits.float()
            expected = whole.eval()(ids).start_logits
        assert 0 < (logits - expected).abs().max() < 0.1 * expected.abs().max()

    @pytest.mark.parametrize("quantization", ["int8", "nf4"])
    def test_adapters_on_a_quantised_teacher_lie_beside_its_weights(
        self, tmp_path: Path, bases: dict[str, Path], quantization: str
    ) -> None:
        teacher = teacher_of(bases["bert"], fine_tune=FINE_TUNE, quantization=quantization)
        context, model = stages_of(tmp_path, teacher)
        folder, losses = trained(tmp_path, teacher)
        assert losses[-1] < losses[0]
        base = model.initial.folder(context.store) / "model" / "model.safetensors"
        assert (folder / "model.safetensors").samefile(base)
        names = set(load_file(folder / "adapter_model.safetensors"))
        assert {"base_model.model.qa_outputs.weight"} < names
        assert any("lora_A" in name for name in names)
        ids = torch.arange(5, 25)[None]
        with torch.inference_mode():
            logits = [pretrained_model(ExtractiveQA(), one).eval()(ids).start_logits for one in (folder, base.parent)]
        assert not torch.equal(*logits)
        again, _ = trained(tmp_path / "again", teacher)
        for name, weight in load_file(folder / "adapter_model.safetensors").items():
            assert torch.equal(weight, load_file(again / "adapter_model.safetensors")[name])
        load_answerer(folder)

    def test_a_generator_in_4_bits_gets_adapters(self, tmp_path: Path, bases: dict[str, Path]) -> None:
        folder, losses = trained(tmp_path, teacher_of(bases["t5"], True, FINE_TUNE, quantization="nf4", dtype="bf16"))
        assert losses[-1] < losses[0]
        load_answerer(folder)
