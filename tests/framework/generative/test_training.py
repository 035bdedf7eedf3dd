"""Generators learn to write the gold answers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from distil.framework.data.batches import epoch_steps
from distil.framework.data.features import WindowSettings
from distil.framework.errors import DataError
from distil.framework.generative.training import Generation
from distil.framework.models.attention import unread_masks
from distil.framework.models.tokenizers import load_model_tokenizer
from distil.framework.progress import SILENT
from distil.framework.store import Store
from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.tasks.span_qa.generative import generation
from distil.framework.training.history import Report
from distil.framework.training.job import TrainingJob
from distil.framework.training.loop import train_in_process
from distil.framework.training.section import Engine, Training
from tests.blocking import blocking_reads
from tests.framework.generative.tiny_models import SIZES, examples, inference, saved, section

QUESTIONS = examples(24, persons=1)
NO_DROPOUT = {
    "t5": {**SIZES["t5"], "dropout_rate": 0.0},
    "gpt2": {**SIZES["gpt2"], "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
}


@pytest.fixture(scope="module", params=list(SIZES))
def teacher(request: pytest.FixtureRequest) -> Any:
    model = {"kind": "config", "architecture": request.param, "config": NO_DROPOUT[request.param]}
    return section(request.param, model=model)


@pytest.fixture(scope="module")
def initial(teacher: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(teacher, tmp_path_factory.mktemp("initial"), QUESTIONS)


def objective(teacher: Any, initial: Path, questions: list[QAExample], **fields: Any) -> Generation:
    found = teacher.objective(inference(**fields), questions, load_model_tokenizer(initial), 0, SILENT)
    assert isinstance(found, Generation)
    return found


def test_the_loss_is_the_mean_over_each_answer_summed_over_items(teacher: Any, initial: Path) -> None:
    items = objective(teacher, initial, QUESTIONS)
    model = items.build(initial, 0).eval()
    rows = np.asarray([3, 0, 7])
    expected = 0.0
    for row in rows:
        prompt, answer = (torch.from_numpy(part.astype(np.int64)) for part in (items.prompts[row], items.answers[row]))
        log_p = 0.0
        for place, token in enumerate(answer):
            if items.generator.encoder_decoder:
                begun = torch.cat([torch.tensor(items.special.start), answer[:place]])
                logits = model(input_ids=prompt[None], decoder_input_ids=begun[None]).logits
            else:
                logits = model(input_ids=torch.cat([prompt, answer[:place]])[None]).logits
            log_p += logits[0, -1].log_softmax(-1)[token].item()
        expected -= log_p / len(answer)
    loss, terms = items.loss(model, items.batch(rows, True, 0), 0.0)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert {name: term.item() for name, term in terms.items()} == {"answer": loss.item()}
    assert list(items.terms) == ["answer"]
    filling, _ = items.loss(model, items.batch(rows, False, 0), 0.0)
    assert filling.item() == 0


def test_nothing_waits_for_the_device(teacher: Any, initial: Path) -> None:
    items = objective(teacher, initial, QUESTIONS)
    model, batch = items.build(initial, 0), items.batch(np.arange(4), True, 0)
    with unread_masks(), blocking_reads() as waits:
        items.loss(model, batch, 0.0)[0].backward()
    assert waits == []


def test_what_is_trained_on(teacher: Any, initial: Path) -> None:
    long = " ".join(example.context for example in QUESTIONS)
    answer = Answer(QUESTIONS[0].answers[0].text, 0)  # type: ignore[index]
    asked = QAExample("long", long, "Кто?", (Answer(answer.text, long.index(answer.text)),))
    unlabelled, unanswerable = asked.without_label(), QAExample("none", QUESTIONS[0].context, "Кто?", ())
    sizes = {"windows": WindowSettings(max_length=100, doc_stride=16, max_question=24)}
    shown = objective(teacher, initial, [asked, unlabelled, unanswerable], **sizes)
    assert 1 <= len(shown.prompts) <= 2
    everything = objective(teacher, initial, [asked, unlabelled, unanswerable], unanswerable=True, **sizes)
    empty = [ids.tolist() == [shown.special.end] for ids in everything.answers]
    assert len(empty) > 5
    assert empty.count(False) == len(shown.prompts)
    assert everything.lengths.tolist() == [
        len(prompt) + len(ids) for prompt, ids in zip(everything.prompts, everything.answers, strict=True)
    ]
    with pytest.raises(DataError, match="of 1 question none has an answer"):
        objective(teacher, initial, [unlabelled])


def trained(teacher: Any, initial: Path, output: Path, precision: str = "fp32", **fields: Any) -> list[float]:
    items = objective(teacher, initial, QUESTIONS)
    rows: list[Report] = []
    training = Training(lr=3e-3, epochs=4, batch_size=8, log_every=1, **fields)
    steps = epoch_steps(len(items.lengths), 8) * 4
    engine = Engine(workers=1, threads=1)
    job = TrainingJob(items, initial, output, training, engine, precision, 1, 0, steps, Store(output))
    train_in_process(job, rows.append)
    return [row.metrics["loss"] for row in rows if row.kind == "step"]


def test_the_loss_falls_and_accumulation_changes_nothing(teacher: Any, initial: Path, tmp_path: Path) -> None:
    whole = trained(teacher, initial, tmp_path / "whole")
    assert np.mean(whole[-3:]) < 0.9 * whole[0]
    assert trained(teacher, initial, tmp_path / "parts", micro_batch=3) == pytest.approx(whole, abs=1e-3)
    assert trained(teacher, initial, tmp_path / "bf16", "bf16") == pytest.approx(whole, rel=0.05)
    half = load_file(tmp_path / "bf16" / "model" / "model.safetensors")
    assert any((tensor.bfloat16().float() != tensor).any() for tensor in half.values())
    loaded = type(objective(teacher, initial, QUESTIONS).build(initial, 0)).from_pretrained(tmp_path / "bf16" / "model")
    assert all(
        (loaded.state_dict()[name] == tensor).all() for name, tensor in half.items()
    )  # as its card says to load it
    weights = load_file(tmp_path / "whole" / "model" / "model.safetensors")
    assert {str(tensor.dtype) for tensor in weights.values()} == {"torch.float32"}
    vocabulary = max(tensor.shape[0] for tensor in weights.values())
    assert sum(tensor.shape[0] == vocabulary for tensor in weights.values()) == 1  # saved once, used at both ends
    load_model_tokenizer(initial).save_pretrained(tmp_path / "whole" / "model")
    before, after = (teacher.predictor(folder, inference()) for folder in (initial, tmp_path / "whole" / "model"))
    assert before.parameters == after.parameters
    labelled = [example for example in QUESTIONS[:6] if example.answers]

    def likelihood(predictor: Any) -> float:
        total = 0.0
        for example in labelled:
            items = generation([example], predictor.prompts, False)
            total -= items.loss(predictor.model.eval(), items.batch(np.asarray([0]), True, 0), 0.0)[0].item()
        return total

    assert likelihood(after) > likelihood(before)
