"""Models that have positions for fewer tokens than a recipe has them read or write are refused before anything runs."""

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from distil.framework.errors import ModelError
from distil.framework.recipe.load import recipe_from_values
from distil.framework.recipe.schema import Recipe
from distil.framework.rehearsal.outline import check_known
from distil.framework.stages.planned import check_models
from tests.tiny import tiny_values

GPT2 = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64}
SIDES = {
    **{f"{side}_{name}": 1 for side in ("encoder", "decoder") for name in ("layers", "attention_heads")},
    "d_model": 16,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
}
LED = {**SIDES, "max_encoder_position_embeddings": 128, "max_decoder_position_embeddings": 40, "attention_window": 8}
BART = {**SIDES, "max_position_embeddings": 64}
BPE = {"kind": "bpe", "vocab_size": 300}
FINE_TUNED = {"tokenizer": BPE, "fine_tune": {"lr": 0.001, "epochs": 1}}


def model(architecture: str, **config: Any) -> dict[str, Any]:
    return {"kind": "config", "architecture": architecture, "config": config}


def of_questions(**changes: Any) -> Recipe:
    return recipe_from_values(tiny_values(Path("runs"), **changes), "here")


def of_texts(length: int, teacher: dict[str, Any] | None, student: dict[str, Any]) -> Recipe:
    taught = {"teachers": {"t": {**FINE_TUNED, **teacher}}, "losses": {"kl": {}}} if teacher is not None else {}
    return recipe_from_values(
        {
            "name": "texts",
            "data": {"source": {"kind": "instructions"}, "splits": {"train": "train", "dev": "validation"}},
            "task": {"kind": "text"},
            "windows": {"max_length": length},
            "student": {"model": student, "tokenizer": BPE},
            "losses": {"hard_label": {}},
            **taught,
        },
        "here",
    )


def of_labels(teacher: dict[str, Any], windows: int = 64) -> Recipe:
    values = tiny_values(Path("runs"), teachers={"t": {**FINE_TUNED, **teacher}}, task={"kind": "classification"})
    source = {"kind": "messages", "examples": {"train": 20, "validation": 10}}
    return recipe_from_values(
        {**values, "data": {**values["data"], "source": source}, "windows": {"max_length": windows}}, "here"
    )


GENERATOR = {"kind": "generative", "model": model("bart", **BART), **FINE_TUNED}
SPAN = {"max_length": 64, "doc_stride": 4, "max_question": 24}
REFUSED: dict[str, tuple[Recipe, str]] = {
    "own windows": (
        of_questions(teachers__teacher__windows={"max_length": 600}),
        r"teachers\.teacher\.windows\.max_length is 600, but the bert model of teachers\.teacher has positions for 512 tokens; lower it, or take",
    ),
    "the recipe's windows": (
        of_questions(windows__max_length=600, student__model__config={"max_position_embeddings": 1000}),
        r"windows\.max_length is 600, but the bert model .* 512 tokens; lower it, give teachers\.teacher a `windows` of its own, or",
    ),
    "a student from the padding token on": (
        of_questions(
            student__model=model("roberta", hidden_size=16, num_attention_heads=2, max_position_embeddings=64)
        ),
        r"windows\.max_length is 64, but the roberta model of student has positions for 63 tokens; lower it, or take another model",
    ),
    "fewer than any window": (
        of_texts(16, None, model("gpt2", **{**GPT2, "n_positions": 12})),
        "table of 12 .*`n_positions` is to blame",
    ),
    "a text's student": (
        of_texts(128, None, model("gpt2", **GPT2)),
        r"windows\.max_length is 128, .* of student .* for 64 tokens",
    ),
    "a text's encoder": (
        of_texts(160, None, model("led", **LED)),
        r"windows\.max_length is 160, but the led model of student has positions for 128 tokens; lower it",
    ),
    "a text's chat teacher": (
        of_texts(
            64,
            {"kind": "chat", "read": "likelihood", "max_length": 100, "model": model("gpt2", **GPT2)},
            model("gpt2", **GPT2),
        ),
        r"teachers\.t\.max_length is 100, but the gpt2 model of teachers\.t has positions for 64 tokens",
    ),
    "a text's chat teacher by the recipe's windows": (
        of_texts(
            64,
            {"kind": "chat", "read": "likelihood", "model": model("gpt2", **{**GPT2, "n_positions": 50})},
            model("gpt2", **GPT2),
        ),
        r"windows\.max_length is 64, .* 50 tokens; lower it, give teachers\.t a `max_length` of its own, or take",
    ),
    "a classifier's chat teacher": (
        of_labels({"kind": "chat", "max_length": 100, "model": model("gpt2", **GPT2)}),
        r"teachers\.t\.max_length is 100, .* 64 tokens",
    ),
    "answers of a generator": (
        of_questions(windows=SPAN, teachers={"t": {**GENERATOR, "max_answer": 64}}),
        r"teachers\.t\.max_answer is 64, but the decoder of the bart model of teachers\.t has positions for 64 tokens, of which an answer's end "
        "takes one; lower it",
    ),
}


@pytest.mark.parametrize(("recipe", "message"), REFUSED.values(), ids=REFUSED)
def test_a_model_with_too_few_positions_is_refused(recipe: Recipe, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        check_models(recipe)


@pytest.mark.parametrize(
    "recipe",
    [
        of_questions(windows=SPAN, teachers={"t": {**GENERATOR, "max_answer": 63}}),
        of_texts(128, None, model("led", **LED)),
        of_texts(128, None, model("t5", d_model=16, d_kv=8, num_layers=1, num_heads=2, d_ff=16)),
        of_texts(
            128,
            {"kind": "chat", "read": "likelihood", "max_length": 64, "model": model("gpt2", **GPT2)},
            model("gpt2", **{**GPT2, "n_positions": 128}),
        ),
        of_labels({"kind": "chat", "model": model("gpt2", **GPT2)}, windows=100),
    ],
    ids=[
        "answers",
        "a decoder that reads less",
        "no bound",
        "a chat teacher's own length",
        "conversations are no windows",
    ],
)
def test_one_with_enough_of_them_is_taken(recipe: Recipe) -> None:
    check_models(recipe)


def test_a_published_one_is_refused_before_it_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    student = {"kind": "hub", "id": "nobody/knows-this"}
    source = {"kind": "hub", "id": "ai-forever/ruBert-base"}
    long = of_questions(
        windows__max_length=513,
        student__model=student,
        student__tokenizer=None,
        teachers__teacher={"kind": "encoder", "model": source, "fine_tune": {}},
    )
    with pytest.raises(
        ModelError, match=r"windows\.max_length is 513, .* teachers\.teacher has positions for 512 tokens"
    ):
        check_known(long)
    check_known(long.model_copy(update={"windows": long.windows.model_copy(update={"max_length": 512})}))
