"""Models that end texts with unlike tokens, as an instruction-tuned one and its base do: to all of them a text ends all the same."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from distil.framework.data.features import WindowSettings
from distil.framework.losses.base import total_loss
from distil.framework.losses.chunks import Chunk
from distil.framework.losses.logits import KL
from distil.framework.losses.next_token import NextToken
from distil.framework.models.tokenizers import load_model_tokenizer
from distil.framework.signals.source import OneTeacher
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.features import TextRows
from distil.framework.tasks.text.probabilities import places_of
from distil.framework.tasks.text.prompts import PLAIN
from distil.framework.tasks.text.reading import text_reader
from distil.framework.tasks.text.signal import signals_of_logits
from distil.framework.tasks.text.task import Text
from distil.framework.tasks.text.taught import taught
from distil.framework.tasks.text.token_bytes import END
from tests.chat_models import chat_folder, chat_tokenizer

TASK = Text()
EXAMPLES = [Written("0", "Who?", " a fox")]
_OTHER = "<pad>"  # ends a text, and </s> a turn


def _rows(chat: bool) -> TextRows:
    tokenizer = chat_tokenizer()
    tokenizer.eos_token = _OTHER
    return Text(as_chat=chat).features(EXAMPLES, tokenizer, WindowSettings(max_length=64))


def _sure(features: TextRows, ends: dict[int, float]) -> Any:
    """Logits of a model that is sure of each token, and at the end of some with these probabilities. [1, V, L]"""
    length = int(features.lengths[0])
    logits = torch.full((1, len(features.table.first), length), -30.0)
    for place in range(int(features.begin[0]) - 1, length - 1):
        logits[0, features.input_ids[place + 1], place] = 0.0
    logits[0, :, length - 2] = -30.0
    for token, probability in ends.items():
        logits[0, token, length - 2] = float(np.log(probability))
    return logits


@pytest.mark.parametrize("mass", [{0: 0.5, 3: 0.5}, {0: 1.0}, {3: 1.0}])
def test_a_student_that_ends_where_its_teacher_does_has_learnt_all(mass: dict[int, float]) -> None:
    spoken, plain = _rows(True), _rows(False)
    assert [int(rows.input_ids[-1]) for rows in (spoken, plain)] == [3, 0]
    teacher = _sure(spoken, mass)
    signals = signals_of_logits(spoken, [one.numpy() for one in teacher], 16)
    unit_of_end = signals.rows[2 * (spoken.boundaries[1]) - 1]
    assert signals.log_p[unit_of_end + 1] == pytest.approx(0.0, abs=1e-4)  # by whichever token
    assert END in signals.keys[: signals.rows[int(spoken.boundaries[1])]].tolist()

    class Said:
        def prefetch(self, batches: Any) -> None: ...

        def signals(self, examples: Any) -> Any:
            return signals

    items = TASK.training_items(EXAMPLES, plain, 0, OneTeacher(Said()), [1.0], True)
    losses = {"kl": KL(temperature=1), "chunk": Chunk(), "next_token": NextToken()}
    rows = items.targets(np.asarray([0]), True, 0).rows(_sure(plain, {0: 1.0}))
    assert float(total_loss(losses, rows, 0.0)[0]) == pytest.approx(0.0, abs=1e-3)
    late = items.targets(np.asarray([0]), True, 0).rows(_sure(plain, {0: 0.01, 60: 0.99}))
    costs = total_loss(losses, late, 0.0)[1]
    assert min(float(costs["chunk"]), float(costs["next_token"])) > 0.5


def test_all_tokens_count_by_which_a_models_settings_let_it_end(tmp_path: Path) -> None:
    """As several do of Llama's and Qwen's instruction-tuned models."""
    folder = chat_folder(tmp_path)
    settings = folder / "generation_config.json"
    letter = chat_tokenizer().convert_tokens_to_ids("a")
    for named, ends in ((3, [3]), ([3, 0], [0, 3]), ([0, letter, 10**6], [0, 3])):
        settings.write_text(json.dumps({**json.loads(settings.read_text()), "eos_token_id": named}), encoding="utf-8")
        reader = text_reader(load_model_tokenizer(folder), PLAIN, 64)
        assert np.flatnonzero(reader.table.first == END).tolist() == ends
        assert int(reader.read(EXAMPLES).input_ids[-1]) == 3


def test_what_ends_a_text_to_the_student_alone_is_one_outcome_with_what_ends_it_to_the_teacher() -> None:
    """As <|endoftext|> of a base model is beside the <|im_end|> of an instruction-tuned one."""
    plain, tokenizer = _rows(False), chat_tokenizer()
    teacher = TASK.features(EXAMPLES, tokenizer, WindowSettings(max_length=64))
    assert [int(rows.input_ids[-1]) for rows in (teacher, plain)] == [3, 0]
    signals = signals_of_logits(teacher, [one.numpy() for one in _sure(teacher, {3: 0.9, 0: 0.1})], 16)
    places = places_of(plain, np.asarray([0]), int(plain.lengths[0]))
    tokens = taught(signals, places, len(plain.table.first)).tokens
    assert tokens is not None
    at_end = tokens.keys[-1] == 0
    assert tokens.mass[-1][at_end].tolist() == pytest.approx([1.0])
    assert float(tokens.mass[-1].sum()) == pytest.approx(1.0)
