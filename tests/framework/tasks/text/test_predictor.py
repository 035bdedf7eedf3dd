"""Models of texts: bits, signals, and that what is said of one text depends on no other."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from distil.framework.data.features import WindowSettings
from distil.framework.models.build import save_model
from distil.framework.models.section import TrainedTokenizer
from distil.framework.models.tokenizer_training import train_writing_tokenizer
from distil.framework.signals.algebra import concat
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.predictor import TextPredictor
from distil.framework.tasks.text.signal import YES
from distil.framework.tasks.text.task import Text
from tests.framework.tasks.text.runs import model, pairs

EXAMPLES = [
    Written(str(number), one["prompt"], one["completion"] * (1 + number % 3)) for number, one in enumerate(pairs(13))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama with random weights that are large enough for it to have opinions."""
    texts = [text for example in EXAMPLES for text in example.texts]
    tokenizer = train_writing_tokenizer(TrainedTokenizer(kind="bpe", vocab_size=320), texts)
    torch.manual_seed(0)
    fields = model("llama")["config"]
    config = AutoConfig.for_model("llama", vocab_size=len(tokenizer), initializer_range=0.3, **fields)
    place = tmp_path_factory.mktemp("model")
    save_model(AutoModelForCausalLM.from_config(config), tokenizer, place)
    return place


def _predictor(folder: Path, **options: Any) -> TextPredictor:
    task = Text(measures=[])
    settings = {"windows": WindowSettings(max_length=64), "batch_size": None, "precision": "fp32", **options}
    found = task.predictor(folder, InferenceConfig(task, **settings))
    assert isinstance(found, TextPredictor)
    return found


def test_bits_are_the_log_probabilities_of_all_tokens(folder: Path) -> None:
    predictor = _predictor(folder)
    found = predictor.predict(EXAMPLES)
    for example in EXAMPLES[:4]:
        features = predictor.reader.read([example])
        ids = torch.from_numpy(features.input_ids.astype(np.int64))[None]
        with torch.inference_mode():
            log_p = predictor.model(input_ids=ids).logits[0].double().log_softmax(-1)
        begin = int(features.begin[0])
        taken = log_p[torch.arange(begin - 1, ids.shape[1] - 1), ids[0, begin:]]
        assert found[example.id]["bits"] == pytest.approx(-float(taken.sum()) / np.log(2), rel=1e-5)
        assert found[example.id]["bytes"] == len(example.completion.encode())


def test_what_is_said_of_a_text_depends_on_no_other(folder: Path) -> None:
    """Bit for bit, however many go through the model at once."""
    predictor = _predictor(folder)
    whole, together = predictor.signals(EXAMPLES), predictor.predict(EXAMPLES)
    alone = [predictor.signals([example]) for example in EXAMPLES]
    few = _predictor(folder, batch_tokens=70)
    for found in (concat(alone), few.signals(EXAMPLES[::-1]).take(np.arange(len(EXAMPLES))[::-1])):
        for column in ("heads", "rows", "keys", "log_p", "tail", "tail_size"):
            np.testing.assert_array_equal(getattr(found, column), getattr(whole, column))
    for example in EXAMPLES:
        said = predictor.predict_features([example], predictor.reader.read([example]))[example.id]
        assert said == together[example.id]


def test_signals_are_those_of_logits_on_the_host(folder: Path) -> None:
    predictor, task = _predictor(folder), Text()
    features = predictor.reader.read(EXAMPLES[:3])
    logits = []
    for row in range(3):
        ids = torch.from_numpy(features.input_ids[features.slice_of(row)].astype(np.int64))[None]
        with torch.inference_mode():
            logits.append(task.logits(predictor.model(input_ids=ids))[0].numpy())
    ours, plainly = predictor.signals(EXAMPLES[:3]), task.write_signals(EXAMPLES[:3], features, logits)
    np.testing.assert_array_equal(ours.heads, plainly.heads)
    assert np.exp(ours.tail).sum() < 1e-3
    for which in (ours, plainly):
        assert which.heads[-1] == len(task.head_sizes(EXAMPLES[:3])) == len(task.gold_outcomes(EXAMPLES[:3]))
    yes = [which.log_p[which.keys == YES] for which in (ours, plainly)]
    np.testing.assert_allclose(*yes, rtol=1e-4, atol=1e-4)


def test_of_a_text_that_is_cut_the_bytes_count_that_are_read(folder: Path) -> None:
    predictor = _predictor(folder, windows=WindowSettings(max_length=16))
    example = Written("long", "", "one two three four five six seven")
    (found,) = predictor.predict_features([example], predictor.reader.read([example])).values()
    features = predictor.reader.read([example])
    shown = features.table.text_of(features.input_ids[features.begin[0] :])
    assert example.completion.encode().startswith(shown)
    assert found["bytes"] == len(shown) < len(example.completion)


def test_predictions_of_signals_take_the_bits_of_their_units(folder: Path) -> None:
    """Which are those of tokens but for what may begin the text, and never more."""
    predictor, task = _predictor(folder), Text()
    of_tokens = predictor.predict(EXAMPLES)
    of_units = task.predict_from_signals(EXAMPLES, predictor.signals(EXAMPLES))
    for example in EXAMPLES:
        assert of_units[example.id]["text"] is None
        assert of_units[example.id]["bytes"] <= of_tokens[example.id]["bytes"]
        assert of_units[example.id]["bits"] <= of_tokens[example.id]["bits"] + 1e-3
