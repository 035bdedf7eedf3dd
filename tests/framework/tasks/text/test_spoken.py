"""Instruction-tuned models that run here as teachers of texts: they are spoken to, fine-tuned so, and read as they were."""

from pathlib import Path
from typing import Any

import numpy as np

from distil.framework.chat.messages import Message
from distil.framework.models.tokenizers import load_model_tokenizer
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import run
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.prompts import Wording
from distil.framework.tasks.text.reading import text_reader
from tests.chat_models import chat_folder
from tests.framework.tasks.text.runs import values
from tests.tiny import model_of


def test_a_prompt_is_what_a_user_says_behind_what_the_system_does(tmp_path: Path) -> None:
    tokenizer = load_model_tokenizer(chat_folder(tmp_path))
    reader = text_reader(tokenizer, Wording("Q: {prompt}", chat=True, system="Be brief."), 96)
    own = (Message("system", "Be long."), Message("user", "Why?"))
    asked = [Written("1", "Why?", "So."), Written("2", "", "alone"), Written("3", "Why?", "So.", messages=own)]
    given = [reader.table.text_of(np.asarray(ids)).decode() for ids, _ in reader.prompter.given(asked)]
    assert given == [
        "system\nBe brief.\nuser\nQ: Why?\nassistant\n",
        "",
        "system\nBe long.\nuser\nWhy?\nassistant\n",
    ]


def test_a_chat_model_that_runs_here_is_fine_tuned_in_conversations_and_teaches(tmp_path: Path) -> None:
    folder = chat_folder(tmp_path / "chat")
    teacher: dict[str, Any] = {
        "kind": "chat",
        "model": {"kind": "folder", "path": str(folder)},
        "read": "likelihood",
        "instructions": "Say where.",
        "max_length": 96,
    }
    trained = {**teacher, "fine_tune": {"lr": 0.01, "epochs": 4, "batch_size": 8}}
    given = values(
        tmp_path,
        teachers={"taught": trained, "as_it_is": teacher},
        baselines=None,
        student__epochs=1,
        evaluation__latency_questions=0,
    )
    results: Any = run(recipe_from_values(given, "here"))
    bits = {name: model_of(results, name)["evaluation"]["bits_per_byte"] for name in ("taught", "as_it_is", "ensemble")}
    assert bits["taught"] < 0.8 * bits["as_it_is"]
    assert bits["ensemble"] < bits["as_it_is"]
