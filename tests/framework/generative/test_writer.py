"""Scores of answers against the definition, and beam search."""

from typing import Any

import numpy as np
import pytest
import torch

from framework.data.example import Example
from framework.generative.prompts import Prompts
from framework.generative.writer import Beams, Writer, writer_for
from tests.framework.generative.tiny_models import SIZES, examples, log_p_alone, reading, saved, section

QUESTIONS = examples(8, persons=1)
SHORT = Example("short", "Анна живёт в Туле.", "Где живёт Анна?", None)


@pytest.fixture(scope="module", params=list(SIZES))
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Prompts, Writer]:
    teacher = section(request.param)
    reader = teacher.reader(saved(teacher, tmp_path_factory.mktemp(request.param), QUESTIONS), reading())
    model, prompts = reader.model.eval(), reader.prompts
    return model, prompts, writer_for(prompts.generator, model, prompts.special)


def test_scores_are_those_of_each_answer_alone(asked: tuple[Any, Prompts, Writer]) -> None:
    model, prompts, writer = asked
    asked_about = [prompts.of(question)[0].ids for question in (QUESTIONS[0], SHORT)]
    texts = ["", "Тула", "в городе Тула", "Анна", "очень длинный ответ, которого в тексте нет и быть не может"]
    answers = [prompts.answer(text) for text in texts]
    pairs = [(row, answer) for answer in answers for row in (1, 0)]
    rows, of_pairs = np.asarray([row for row, _ in pairs]), [answer for _, answer in pairs]
    with torch.inference_mode():
        known = writer.read(asked_about, 64)
        together = writer.log_probs(known, rows, of_pairs, 9)
        again = writer.log_probs(known, rows, of_pairs, 9)
        expected = [log_p_alone(model, prompts, asked_about[row], answer) for row, answer in pairs]
        empty = writer.log_probs(known, rows[:2], of_pairs[:2], 1)
    assert together == pytest.approx(expected, abs=1e-5, rel=1e-5)
    assert np.array_equal(together, again)
    assert empty == pytest.approx(expected[:2], abs=1e-5, rel=1e-5)


def test_probabilities_of_all_answers_of_one_token_add_up(asked: tuple[Any, Prompts, Writer]) -> None:
    model, prompts, writer = asked
    (prompt,) = prompts.of(QUESTIONS[1])
    with torch.inference_mode():
        one = [np.asarray([token], np.int32) for token in range(model.config.vocab_size)]
        known = writer.read([prompt.ids], 64)
        total = np.exp(writer.log_probs(known, np.zeros(len(one), np.int64), one, 1)).sum()
    assert total == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("count", [1, 4])
def test_beams_are_distinct_and_ranked(asked: tuple[Any, Prompts, Writer], count: int) -> None:
    model, prompts, writer = asked
    both = [prompts.of(question)[0].ids for question in (QUESTIONS[2], SHORT)]
    with torch.inference_mode():
        several, greedy = writer.write(both, 64, Beams(count, 3, 0.0)), writer.write(both, 64, Beams(1, 3, 0.0))
        for prompt, found, first in zip(both, several, greedy, strict=True):
            ended = [np.append(ids, prompts.special.end)[:4].astype(np.int32) for ids in (*found, *first)]
            scores = [log_p_alone(model, prompts, prompt, answer) for answer in ended]
            assert len({tuple(ids.tolist()) for ids in found}) == count
            assert all(prompts.special.end not in ids and len(ids) <= 4 for ids in found)
            assert scores[:count] == pytest.approx(sorted(scores[:count], reverse=True), abs=1e-5)
            assert scores[0] >= scores[-1] - 1e-5
