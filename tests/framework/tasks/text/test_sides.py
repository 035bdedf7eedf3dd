"""Encoder-decoders of texts: the prompt is read by the encoder, the completion written by the decoder."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    LEDConfig,
    LEDForConditionalGeneration,
    T5Config,
    T5ForConditionalGeneration,
)

from distil.framework.data.features import WindowSettings
from distil.framework.errors import ModelError
from distil.framework.export.onnx_decoder import write_decoder
from distil.framework.losses.logits import HardLabel
from distil.framework.models.tokenizers import decoder_start, fit_to_model
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.predictor import TextPredictor, shown_bytes
from distil.framework.tasks.text.prompts import PLAIN
from distil.framework.tasks.text.reading import text_reader
from distil.framework.tasks.text.task import Text
from distil.framework.training.distillation import Distillation
from tests.framework.tasks.text.runs import bpe, values
from tests.framework.tasks.text.runs import model as model_section
from tests.framework.tasks.text.writers import tokenizer_of

EXAMPLES = [
    Written(str(number), prompt, completion)
    for number, (prompt, completion) in enumerate(
        [("", "fox"), ("The", " quick brown fox"), ("Пётр", ""), ("a" * 30, "\n🙂 isn't it?"), ("(998) " * 9, "Рорау")]
    )
]
TASK = Text.model_validate({"kind": "text", "generation": {"max_new_tokens": 6}})


@cache
def predictor(kind: str) -> TextPredictor:
    tokenizer = tokenizer_of("gpt2")
    named = {"vocab_size": len(tokenizer), "pad_token_id": 0, "eos_token_id": 0, "bos_token_id": 0}
    torch.manual_seed(0)
    model: Any
    if kind == "t5":
        sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
        model = T5ForConditionalGeneration(T5Config(**sizes, **named, decoder_start_token_id=3, initializer_factor=3.0))
    else:
        sides = {f"{side}_{what}": size for side in ("encoder", "decoder") for what, size in _BART.items()}
        shared = {"d_model": 16, **sides, **named, "decoder_start_token_id": 5, "init_std": 0.5}
        model = (
            BartForConditionalGeneration(BartConfig(**shared, max_position_embeddings=96))
            if kind == "bart"
            else LEDForConditionalGeneration(LEDConfig(**shared, **_LED))
        )
    fit_to_model(tokenizer, model.config)
    inference = InferenceConfig(TASK, WindowSettings(max_length=64), None, "fp32")
    return TextPredictor(model.eval(), text_reader(tokenizer, PLAIN, 64), inference, TASK)


_BART = {"layers": 1, "ffn_dim": 32, "attention_heads": 2}
_LED = {"max_encoder_position_embeddings": 64, "max_decoder_position_embeddings": 20, "attention_window": 16}


def _logits(asked: TextPredictor, example: Written, ids: list[int]) -> torch.Tensor:
    """What the decoder says after its start and some tokens, of one prompt alone. [L + 1, V]"""
    tokenizer = asked.tokenizer
    given = [*tokenizer(example.prompt, add_special_tokens=False)["input_ids"], 0]
    begun = torch.tensor([[*decoder_start(tokenizer), *ids]])
    with torch.inference_mode():
        return (
            asked.model(
                input_ids=torch.tensor([given]),
                decoder_input_ids=begun,
                decoder_attention_mask=torch.ones_like(begun),
                use_cache=False,
            )
            .logits[0]
            .double()
        )


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_bits_are_those_of_the_decoder_given_the_prompt(kind: str) -> None:
    asked = predictor(kind)
    found = asked.predict(EXAMPLES)
    for example in EXAMPLES:
        ids = [*asked.tokenizer(example.completion, add_special_tokens=False)["input_ids"], 0]
        log_p = _logits(asked, example, ids[:-1]).log_softmax(-1)
        expected = -sum(float(log_p[place, token]) for place, token in enumerate(ids)) / np.log(2)
        assert found[example.id]["bits"] == pytest.approx(expected, rel=1e-4)
        assert asked.predict([example])[example.id] == found[example.id]


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_the_likeliest_tokens_are_written(kind: str) -> None:
    asked = predictor(kind)
    for example in EXAMPLES:
        ids: list[int] = []
        while len(ids) < 6 and (not ids or ids[-1] != 0):
            ids.append(int(_logits(asked, example, ids)[-1].argmax()))
        *_, last = asked.grow(example)
        assert last == asked.predict(EXAMPLES)[example.id]
        assert last["tokens"] == len(ids)
        text = asked.reader.table.text_of(np.asarray([one for one in ids if one != 0], np.int64))
        assert last["text"] in text.decode("utf-8", "replace")


def test_completions_are_cut_where_the_decoder_has_no_more_positions() -> None:
    asked = predictor("led")
    examples = [Written("long", "a" * 30, "b" * 20), Written("fits", "a" * 30, "b" * 19), Written("x", "", "b" * 18)]
    features = asked.reader.read(examples)
    assert (features.lengths - features.begin).tolist() == [20, 20, 19]  # the two that fit have their end
    assert features.begin.tolist() == [31, 31, 1]
    assert shown_bytes(examples, features).tolist() == [20, 19, 18]
    found = asked.predict(examples)
    assert [found[one.id]["bytes"] for one in examples] == [20, 19, 18]
    for example, end in ((examples[0], []), (examples[1], [0])):
        ids = [*asked.tokenizer(example.completion, add_special_tokens=False)["input_ids"], *end]
        log_p = _logits(asked, example, ids[:-1]).log_softmax(-1)
        bits = -sum(float(log_p[place, token]) for place, token in enumerate(ids)) / np.log(2)
        assert found[example.id]["bits"] == pytest.approx(bits, rel=1e-4)
    longer = replace(asked, settings=Text.model_validate({"kind": "text", "generation": {"max_new_tokens": 32}}))
    assert max(one["tokens"] for one in longer.predict(examples).values()) <= 20


def test_the_loss_is_that_of_the_completions_tokens() -> None:
    asked = predictor("t5")
    features = asked.reader.read(EXAMPLES)
    items = TASK.training_items(EXAMPLES, features, 0, None, (), eager=True)
    objective = Distillation(TASK, items, {"hard_label": HardLabel()}, seed=0)

    class Engine:
        module = asked.model

        def __call__(self, **inputs: Any) -> Any:
            return asked.model(**inputs)

    rows = np.arange(len(EXAMPLES))
    engine: Any = Engine()
    loss, _ = objective.loss(engine, objective.batch(rows, True, 0), 0.0)
    bits = sum(one["bits"] for one in asked.predict(EXAMPLES).values())
    tokens = int((features.lengths - features.begin).sum())
    assert float(loss.detach()) == pytest.approx(len(EXAMPLES) * bits * np.log(2) / tokens, rel=1e-3)


def test_a_file_of_a_decoder_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has an encoder and a decoder"):
        write_decoder(predictor("t5").model, tmp_path / "model.onnx")


def test_a_run_teaches_one_by_another(tmp_path: Path) -> None:
    t5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    teacher = {"model": model_section("t5", **t5), "tokenizer": bpe(300)}
    fine_tune = {"lr": 0.01, "epochs": 2, "batch_size": 16}
    changed = values(
        tmp_path,
        teachers={"a": {"kind": "generative", **teacher, "fine_tune": fine_tune}},
        student__model=model_section("t5", **t5),
        ensemble=None,
    )
    results = run(recipe_from_values(changed, "here"))
    assert [model["name"] for model in results["models"]] == ["a", "student"]
    assert all(0 < model["evaluation"]["bits_per_byte"] < 8 for model in results["models"])
