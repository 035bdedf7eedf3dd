"""Many prompts of different lengths, asked about in batches."""

from typing import Any

import numpy as np
import pytest
import torch

from framework.data.batches import BatchLimit
from framework.generative.asking import Asking, writer_for
from framework.generative.writer import Beams, Writer, write
from framework.progress import SILENT
from framework.tasks.span_qa.prompts import Prompts
from tests.framework.generative.tiny_models import FAMILIES, examples, inference, log_p_alone, saved, section, sharpen
from tests.versions import before

QUESTIONS = examples(9, persons=1)


@pytest.fixture(scope="module", params=list(FAMILIES))
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Prompts, Asking]:
    teacher = section(request.param)
    predictor = teacher.predictor(saved(teacher, tmp_path_factory.mktemp(request.param), QUESTIONS), inference())
    model, prompts = predictor.model.eval(), predictor.prompts
    sharpen(model)
    writer: Writer = writer_for(prompts.generator, model, prompts.special)
    ids = [prompt.ids for question in QUESTIONS for prompt in prompts.of(question)]
    return model, prompts, Asking(writer, ids, prompts.longest, 9, BatchLimit(400, 4))


def test_batches_hold_prompts_of_one_padded_length(asked: tuple[Any, Prompts, Asking]) -> None:
    model, prompts, asking = asked
    assert sorted(row for rows, _ in asking.batches() for row in rows) == list(range(len(asking.prompts)))
    for rows, length in asking.batches():
        lengths = [len(asking.prompts[row]) for row in rows]
        if model.config.model_type in ("bloom", "mamba"):
            assert set(lengths) == {length}
        else:
            assert all(length - max(4, own // 8) < own <= length for own in lengths)
            assert length % 4 == 0 or length == prompts.longest
            assert len({own == length for own in lengths}) == 1


def test_scores_are_those_of_each_answer_alone(asked: tuple[Any, Prompts, Asking]) -> None:
    model, prompts, asking = asked
    texts = ["", "Тула", "Анна Петрова", "очень длинный ответ, которого в тексте нет и быть не может"]
    answers = [[prompts.answer(text) for text in texts[: 1 + row % 4]] for row in range(len(asking.prompts))]
    with torch.inference_mode(), SILENT.task("", 0) as bar:
        found = asking.log_probs(answers, bar)
        for prompt, of_prompt, scores in zip(asking.prompts, answers, found, strict=True):
            expected = [log_p_alone(model, prompts, prompt, answer) for answer in of_prompt]
            assert scores == pytest.approx(expected, abs=2e-5, rel=2e-5)


@pytest.mark.parametrize("count", [1, 3])
def test_answers_are_those_to_each_prompt_alone(asked: tuple[Any, Prompts, Asking], count: int) -> None:
    _, _, asking = asked
    beams = Beams(count, 4, 0.0)
    with torch.inference_mode(), SILENT.task("", 0) as bar:
        together = asking.written(beams, bar)
        alone = [write(asking.writer, [prompt], len(prompt), beams)[0] for prompt in asking.prompts]
    assert np.unique([len(found) for found in together]).tolist() == [count]
    for found, expected in zip(together, alone, strict=True):
        assert [ids.tolist() for ids in found] == [ids.tolist() for ids in expected]


def test_the_search_ranks_by_scores(asked: tuple[Any, Prompts, Asking]) -> None:
    model, prompts, asking = asked
    if model.config.model_type == "fsmt" and before("5.18"):
        pytest.skip("its search forgets where in the answer a token stands")
    prompt = asking.prompts[0]
    with torch.inference_mode():
        found, ranks = asking.writer.search([prompt], len(prompt), Beams(3, 4, 0.0))
        assert ranks is not None
        for ids, rank in zip(found.numpy().astype(np.int32), ranks.tolist(), strict=True):
            ends = np.flatnonzero(ids == prompts.special.end)
            answer = ids[: ends[0] + 1] if len(ends) else ids
            assert rank == pytest.approx(log_p_alone(model, prompts, prompt, answer), abs=2e-5, rel=2e-5)
