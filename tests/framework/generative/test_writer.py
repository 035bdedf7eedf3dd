"""Scores of answers against the definition, and beam search."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from distil.framework.generative.asking import writer_for
from distil.framework.generative.training import Generation
from distil.framework.generative.writer import Beams, Writer, write
from distil.framework.models.section import PretrainedTokenizer
from distil.framework.models.tokenizers import load_model_tokenizer
from distil.framework.progress import SILENT
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.prompts import Prompts
from distil.framework.teachers.generative import Generative
from tests.framework.generative.tiny_models import SIZES, examples, inference, log_p_alone, saved, section, sharpen

QUESTIONS = examples(8, persons=1)
SHORT = QAExample("short", "Анна живёт в Туле.", "Где живёт Анна?", None)


@pytest.fixture(scope="module", params=list(SIZES))
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Prompts, Writer]:
    teacher = section(request.param)
    predictor = teacher.predictor(saved(teacher, tmp_path_factory.mktemp(request.param), QUESTIONS), inference())
    model, prompts = predictor.model.eval(), predictor.prompts
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
        several, greedy = (write(writer, writer.read(both, 64), Beams(each, 3, 0.0)) for each in (count, 1))
        for prompt, found, first in zip(both, several, greedy, strict=True):
            ended = [np.append(ids, prompts.special.end)[:4].astype(np.int32) for ids in (*found, *first)]
            scores = [log_p_alone(model, prompts, prompt, answer) for answer in ended]
            assert len({tuple(ids.tolist()) for ids in found}) == count
            assert all(prompts.special.end not in ids and len(ids) <= 4 for ids in found)
            assert scores[:count] == pytest.approx(sorted(scores[:count], reverse=True), abs=1e-5)
            assert scores[0] >= scores[-1] - 1e-5


def test_what_a_models_files_say_of_generating_does_not_change_the_search(tmp_path: Any) -> None:
    teacher = section("bart")
    folder = saved(teacher, tmp_path, QUESTIONS)
    plain = teacher.predictor(folder, inference())
    told = json.loads((folder / "generation_config.json").read_text())
    told |= {"min_length": 4, "no_repeat_ngram_size": 1, "repetition_penalty": 3.0, "forced_eos_token_id": 7}
    (folder / "generation_config.json").write_text(json.dumps(told))
    other = teacher.predictor(folder, inference())
    assert other.model.generation_config.min_length == 4
    prompt = plain.prompts.of(SHORT)[0].ids
    answers = []
    for predictor in (plain, other):
        sharpen(predictor.model.eval())
        writer = writer_for(predictor.prompts.generator, predictor.model, predictor.prompts.special)
        with torch.inference_mode():
            answers.append(
                [ids.tolist() for ids in write(writer, writer.read([prompt], len(prompt)), Beams(4, 5, 0.0))[0]]
            )
    assert answers[0] == answers[1]


def test_a_token_that_is_forced_to_come_first_begins_every_answer(tmp_path: Any) -> None:
    """As that of mBART-50's language does."""
    teacher = section("bart")
    folder = saved(teacher, tmp_path, QUESTIONS)
    told = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**told, "forced_bos_token_id": 9}))
    predictor = teacher.predictor(folder, inference())
    start = predictor.prompts.special.start
    assert start[1:] == (9,)
    model, prompts = predictor.model.eval(), predictor.prompts
    sharpen(model)
    writer = writer_for(prompts.generator, model, prompts.special)
    prompt = prompts.of(SHORT)[0].ids
    with torch.inference_mode():
        ids, ranks = writer.search(writer.read([prompt], len(prompt)), Beams(2, 3, 0.0))
        answer = ids[0].numpy().astype(np.int32)
        ends = np.flatnonzero(answer == prompts.special.end)
        answer = answer[: ends[0] + 1] if len(ends) else answer
        expected = log_p_alone(model, prompts, prompt, answer)
        known = writer.read([prompt], len(prompt))
        scored = writer.log_probs(known, np.zeros(1, np.int64), [answer], len(answer) + 3)
    assert ranks is not None
    assert [ranks[0].item(), *scored] == pytest.approx([expected] * 2, abs=2e-5, rel=2e-5)
    again = Generative.model_validate({**teacher.model_dump(), "model": {"kind": "folder", "path": str(folder)}})
    again = again.model_copy(update={"tokenizer": PretrainedTokenizer()})
    labelled = [example for example in QUESTIONS if example.answers]
    items = again.objective(inference(), labelled, load_model_tokenizer(folder), 0, SILENT)
    assert isinstance(items, Generation)
    assert items.special.start == start
    loss, _ = items.loss(model, items.batch(np.asarray([0]), True, 0), 0.0)
    log_p = log_p_alone(model, prompts, items.prompts[0], items.answers[0])
    assert loss.item() == pytest.approx(-log_p / len(items.answers[0]), rel=1e-4)
