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
from distil.framework.models.tokenizers import further_ends, load_model_tokenizer
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare
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
from tests.framework.tasks.text.runs import values

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


@pytest.mark.parametrize(
    ("named", "elsewhere", "told"),
    [
        (3, True, [3]),
        ([3, 2], True, [3, 2]),
        ([3, 0], True, []),  # what its tokenizer knows, and is kept beside it
        (3, False, []),
    ],
)
def test_a_model_with_a_tokenizer_from_elsewhere_ends_texts_as_its_own_settings_say(
    tmp_path: Path, named: object, elsewhere: bool, told: list[int]
) -> None:
    folder, other = chat_folder(tmp_path / "model"), chat_tokenizer()
    settings = folder / "generation_config.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "eos_token_id": named}), encoding="utf-8")
    other.eos_token = _OTHER
    other.save_pretrained(tmp_path / "tokenizer")
    teacher: dict[str, object] = {"kind": "generative", "model": {"kind": "folder", "path": str(folder)}}
    teacher |= {"tokenizer": {"kind": "pretrained", "id": str(tmp_path / "tokenizer")}} if elsewhere else {}
    layers = {"kind": "layers", "teacher": "a", "layers": [0]}
    changed = values(tmp_path, teachers={"a": teacher}, ensemble=None, baselines=["no_distillation"])
    changed["student"] = {**changed["student"], "model": layers}
    del changed["student"]["tokenizer"]
    context, graph = prepare(recipe_from_values(changed, "here"))
    of_teacher, of_student = (
        next(stage for stage in graph.stages() if stage.title == f"prepare {one}") for one in ("a", "the student")
    )
    assert of_teacher.inputs.get("ends", []) == told
    assert ("ends" in of_student.inputs) == isinstance(named, list)
    of_teacher.make(of_teacher.folder(context.store))
    of_student.make(tmp_path / "made")
    for folder in (of_teacher.folder(context.store), tmp_path / "made"):
        tokenizer = load_model_tokenizer(folder / "model")
        assert tokenizer.eos_token_id == (0 if elsewhere else 3)
        reader = text_reader(tokenizer, PLAIN, 64)
        assert np.flatnonzero(reader.table.first == END).tolist() == sorted({tokenizer.eos_token_id, 3, *told})


def test_a_token_of_another_name_is_no_end(tmp_path: Path) -> None:
    folder = chat_folder(tmp_path / "model")
    own, other = json.loads((folder / "tokenizer.json").read_text()), chat_tokenizer()
    other.eos_token = _OTHER
    assert further_ends(folder, other) == [3]
    next(token for token in own["added_tokens"] if token["id"] == 3)["content"] = "<end>"
    own["model"]["vocab"] = {("<end>" if token == "</s>" else token): at for token, at in own["model"]["vocab"].items()}
    (folder / "tokenizer.json").write_text(json.dumps(own), encoding="utf-8")
    path = folder / "tokenizer_config.json"
    path.write_text(path.read_text(encoding="utf-8").replace("</s>", "<end>"), encoding="utf-8")
    assert further_ends(folder, other) == []
    (folder / "tokenizer.json").unlink()  # so that nothing else is known
    assert further_ends(folder, other) == [3]


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
