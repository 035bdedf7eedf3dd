"""A whole run with an encoder, an encoder-decoder and a decoder as teachers of one student."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distil.framework.answer import load_answerer
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare, run
from distil.framework.segments import totals
from distil.framework.signals.shards import SignalReader
from tests.framework.generative.tiny_models import PROMPT, SIZES
from tests.tiny import tiny_values


def generator(architecture: str, tokenizer: str, **fields: Any) -> dict[str, Any]:
    return {
        "kind": "generative",
        "model": {"kind": "config", "architecture": architecture, "config": SIZES[architecture]},
        "tokenizer": {"kind": tokenizer, "vocab_size": 500},
        "fine_tune": {"lr": 1e-3, "epochs": 1, "batch_size": 16},
        "windows": {"max_length": 200, "doc_stride": 16, "max_question": 24},
        "prompt": PROMPT,
        "beams": 2,
        "candidates": 2,
        "max_answer": 8,
        **fields,
    }


def test_generators_teach_beside_an_encoder(tmp_path: Path) -> None:
    values = tiny_values(
        tmp_path,
        data__source={"kind": "synthetic", "examples": {"train": 32, "validation": 8}, "facts": 2, "fillers": 0},
        ensemble={"rule": "mean"},
        baselines=None,
        evaluation__latency_questions=0,
        signals__held_out="train",
    )
    values["teachers"] |= {"t5": generator("t5", "unigram"), "gpt": generator("gpt2", "bpe", temperature="calibrated")}
    recipe = recipe_from_values(values, "here")
    results = run(recipe)
    assert [model["name"] for model in results["models"]] == ["teacher", "t5", "gpt", "ensemble", "student"]
    context, graph = prepare(recipe)
    student = next(model for model in graph.models if model.name == "student")
    assert student.supervision is not None
    examples = context.data["train"].examples
    stored = {
        name: SignalReader(parts[0].teacher_pass.folder) for name, parts in student.supervision.collections.items()
    }
    for name in ("t5", "gpt"):
        signals = stored[name].signals(examples)
        assert (np.diff(signals.rows) > 1).all()  # untrained, it knows places from the encoder alone
        assert totals(np.exp(signals.log_p), signals.rows) == pytest.approx(1, abs=1e-2)
    generators = {model.name: model for model in graph.models if model.name in ("t5", "gpt")}
    for model in generators.values():
        answerer = load_answerer(model.weights.folder(context.store) / "model")
        answer = answerer.ask(examples[0])
        assert answer.start == -1 or examples[0].context[answer.start : answer.end] == answer.text
