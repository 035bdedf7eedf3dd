"""Many prompts of different lengths, asked about in batches."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from distil.framework.data.batches import BatchLimit, filled_up
from distil.framework.generative.asking import Asking, writer_for
from distil.framework.generative.writer import Beams, Ids, Writer, write
from distil.framework.progress import SILENT
from distil.framework.tasks.span_qa.prompts import Prompts
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
    model, prompts, asking = asked
    beams, each = Beams(count, 4, 0.0), np.arange(len(asking.prompts))
    written: dict[int, list[Ids]] = {}

    def candidates(owner: int, answers: list[Ids]) -> list[Ids]:
        written[owner] = answers
        return [np.append(ids, np.int32(prompts.special.end)) for ids in answers]

    with torch.inference_mode(), SILENT.task("", 0) as bar:
        scores = asking.asked(beams, each, candidates, bar)
        for number, prompt in enumerate(asking.prompts):
            (expected,) = write(asking.writer, asking.writer.read([prompt], len(prompt)), beams)
            assert [ids.tolist() for ids in written[number]] == [ids.tolist() for ids in expected]
            ended = [np.append(ids, np.int32(prompts.special.end)) for ids in expected]
            alone = [log_p_alone(model, prompts, prompt, answer) for answer in ended]
            assert scores[number] == pytest.approx(alone, abs=2e-5, rel=2e-5)
    assert {len(found) for found in written.values()} == {count}


def test_candidates_of_several_prompts_are_scored_on_each_of_them(asked: tuple[Any, Prompts, Asking]) -> None:
    """As where each prompt has an owner of its own, to the bit, though they are then read once more."""
    _, prompts, asking = asked
    texts = [prompts.answer(text) for text in ("Тула", "", "Анна Петрова")]
    owners = np.asarray([0, 1, 1, 2, 3, 3, 3, 4, 5])
    assert len(owners) == len(asking.prompts)
    seen: dict[int, int] = {}

    def candidates(owner: int, answers: list[Ids]) -> list[Ids]:
        seen[owner] = len(answers)
        return texts

    with torch.inference_mode(), SILENT.task("", 0) as bar:
        each = asking.asked(Beams(2, 3, 0.0), np.arange(len(owners)), lambda owner, answers: texts, bar)
        found = asking.asked(Beams(2, 3, 0.0), owners, candidates, bar)
        again = asking.log_probs([texts] * len(owners), bar)
    assert seen == {0: 2, 1: 4, 2: 2, 3: 6, 4: 2, 5: 2}
    for one, other, third in zip(each, found, again, strict=True):
        assert one.tolist() == other.tolist() == third.tolist()


def test_a_prompt_is_read_once_whatever_is_asked_about_it(tmp_path: Path) -> None:
    """By the encoder, and by the decoder's cross-attention, whose keys and values all beams and candidates share."""
    teacher = section("t5")
    predictor = teacher.predictor(saved(teacher, tmp_path, QUESTIONS), inference())
    model, prompts = predictor.model.eval(), predictor.prompts
    writer = writer_for(prompts.generator, model, prompts.special)
    ids = [prompts.of(question)[0].ids for question in QUESTIONS]
    asking = Asking(writer, ids, prompts.longest, 9, BatchLimit(400, 4))
    read: dict[str, int] = {"encoder": 0, "keys": 0}

    def counting(name: str) -> Any:
        return lambda module, given, output: read.update({name: read[name] + output.shape[:-1].numel()})

    layers = (
        model.get_encoder().block[0].layer[0].SelfAttention.k,
        model.get_decoder().block[0].layer[1].EncDecAttention.k,
    )
    for name, layer in zip(read, layers, strict=True):
        layer.register_forward_hook(counting(name))
    texts = [prompts.answer(text) for text in ("Тула", "", "Анна Петрова", "Пётр", "Омск")]
    with torch.inference_mode(), SILENT.task("", 0) as bar:
        asking.asked(Beams(4, 3, 0.0), np.arange(len(ids)), lambda owner, answers: texts, bar)
    tokens = sum(len(filled_up(rows, False, length, 4)) * length for rows, length in asking.batches(4))
    assert read == {"encoder": tokens, "keys": tokens}


def test_the_search_ranks_by_scores(asked: tuple[Any, Prompts, Asking]) -> None:
    model, prompts, asking = asked
    if model.config.model_type == "fsmt" and before("5.18"):
        pytest.skip("its search forgets where in the answer a token stands")
    prompt = asking.prompts[0]
    with torch.inference_mode():
        found, ranks = asking.writer.search(asking.writer.read([prompt], len(prompt)), Beams(3, 4, 0.0))
        assert ranks is not None
        for ids, rank in zip(found.numpy().astype(np.int32), ranks.tolist(), strict=True):
            ends = np.flatnonzero(ids == prompts.special.end)
            answer = ids[: ends[0] + 1] if len(ends) else ids
            assert rank == pytest.approx(log_p_alone(model, prompts, prompt, answer), abs=2e-5, rel=2e-5)
