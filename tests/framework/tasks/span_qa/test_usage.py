"""The code of a card, run as its reader would."""

import copy
from pathlib import Path

import pytest

from distil.framework.answer import Answerer
from distil.framework.data.features import WindowSettings
from distil.framework.models.build import random_model, save_model
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel
from distil.framework.models.tokenizers import fit_to_model
from distil.framework.predictors.logits import logits_predictor
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.span_qa.usage import QuestionRequest
from tests.built_tokenizers import built

INFERENCE = InferenceConfig(
    ExtractiveQA(max_answer_length=4), WindowSettings(max_length=128, doc_stride=16, max_question=32), 1, "fp32"
)
SIZES = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
QUESTION = "Где родилась Анна?"
CONTEXTS = [
    "Анна родилась в Туле и живёт в Омске.",
    "The quick brown fox (998) jumps, isn't it?",
    "«Рорау» — город, а Йозеф Гайдн — композитор.",
    "Я и ты: 1840 в 998",
]


@pytest.mark.parametrize("name", ["Whitespace, byte-level", "Digits, byte-level", "byte-level, no prefix", "WordPiece"])
def test_the_code_answers_as_distil_does(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those before ByteLevel leave out the first letter of every word, or all of a short one."""
    tokenizer = copy.deepcopy(built(name))
    named = {f"{part}_token_id": getattr(tokenizer, f"{part}_token_id") for part in ("cls", "sep")}
    for seed, context in enumerate(CONTEXTS):
        config = new_config(ConfigModel(architecture="roberta", config=SIZES), len(tokenizer), 0, named)
        fit_to_model(tokenizer, config)
        save_model(random_model(INFERENCE.task, config, seed), tokenizer, tmp_path)
        monkeypatch.chdir(tmp_path)
        code = (
            next(text for text in INFERENCE.task.card(INFERENCE.windows, None, "ru").usage if "import torch" in text)
            .strip("`")
            .removeprefix("python")
        )
        assert CONTEXTS[0] in code
        exec(code.replace(CONTEXTS[0], context), {})
        expected = Answerer(logits_predictor(tmp_path, INFERENCE), INFERENCE).answer(
            QuestionRequest(question=QUESTION, context=context)
        )
        assert capsys.readouterr().out.strip() == expected.model_dump()["answer"]
