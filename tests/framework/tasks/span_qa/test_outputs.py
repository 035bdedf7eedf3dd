"""What logits say once the question and the padding are left out, and what that is worth."""

import numpy as np
import pytest

from distil.framework.data.features import WindowSettings
from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.tasks.span_qa.metrics import squad_v1, squad_v2
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.span_qa.windows import cut_windows
from tests.tokenizing import tokenizer

CONTEXT = "Пётр родился в Воткинске. Йозеф родился в Рорау."
TASK = ExtractiveQA(n_best=3)


def examples(*answers: str) -> list[QAExample]:
    return [
        QAExample(str(n), CONTEXT, "Где?", (Answer(text, CONTEXT.index(text)),) if text else ())
        for n, text in enumerate(answers)
    ]


def test_only_the_context_and_null_have_a_say() -> None:
    several = examples("Воткинске", "Рорау")
    windows = cut_windows(several, tokenizer("wordpiece"), WindowSettings(max_length=20, doc_stride=4, max_question=4))
    assert len(windows) > 2
    random = np.random.default_rng(0)
    logits = [random.normal(size=(2, length)).astype(np.float32) for length in windows.lengths]
    others = [found.copy() for found in logits]
    for row, found in enumerate(others):
        outside = ~windows.support[windows.slice_of(row)]
        outside[windows.null[row]] = False
        assert outside.any()
        found[:, outside] = 99
    task = ExtractiveQA(unanswerable=True)
    assert task.predict(several, windows, others) == task.predict(several, windows, logits)


@pytest.mark.parametrize("unanswerable", [False, True])
def test_predictions_and_scores_go_from_logits_to_the_official_metrics(unanswerable: bool) -> None:
    task = ExtractiveQA(n_best=3, unanswerable=unanswerable)
    several = examples("Воткинске", "Рорау", "" if unanswerable else "Пётр")
    windows = cut_windows(several, tokenizer("wordpiece"), WindowSettings())
    logits = [np.zeros((2, length), np.float32) for length in windows.lengths]
    for row, text in enumerate(["Воткинске", "Воткинске"]):
        begin = CONTEXT.index(text)
        spans = windows.spans[windows.slice_of(row)]
        logits[row][0, np.flatnonzero(windows.support[windows.slice_of(row)] & (spans[:, 0] == begin))[0]] = 9
        logits[row][1, np.flatnonzero(spans[:, 1] == begin + len(text))[-1]] = 9
    logits[2][:, 0] = 20
    predictions = task.predict(several, windows, logits)
    assert [predictions[n]["answer"] for n in "01"] == ["Воткинске"] * 2
    assert (predictions["2"]["answer"] == "") == unanswerable
    assert ("no_answer_score" in predictions["0"]) == unanswerable
    for record in predictions.values():
        assert 1 <= len(record["n_best"]) <= 3
        assert all(CONTEXT[best["start"] : best["end"]] == best["text"] for best in record["n_best"])

    scores = task.score(several, predictions, resamples=200, seed=0)
    assert scores.examples == 3
    assert scores.metrics["exact_match"] == pytest.approx(100 * (2 if unanswerable else 1) / 3)
    low, high = scores.intervals["exact_match"]
    assert 0 <= low <= scores.metrics["exact_match"] <= high <= 100
    texts = {key: record["answer"] for key, record in predictions.items()}
    if unanswerable:
        best = {key: record["n_best"][0]["text"] for key, record in predictions.items()}
        doubts = {key: record["no_answer_score"] for key, record in predictions.items()}
        official = squad_v2(several, best, doubts, TASK.null_threshold)
    else:
        official = squad_v1(several, texts)
    # One name for what SQuAD 2.0's script calls `exact`.
    assert list(scores.variants["russian"].values()) == list(official.pop("russian").values())
    assert list(scores.metrics.values()) == list(official.values())
    assert list(scores.metrics)[:2] == list(scores.variants["russian"])[:2] == ["exact_match", "f1"]


def test_the_russian_normalisation_is_for_russian_questions() -> None:
    for question, variants in (("Где он родился?", ["russian"]), ("Where was he born?", [])):
        example = QAExample("0", CONTEXT, question, (Answer("Рорау", CONTEXT.index("Рорау")),))
        record = {"answer": "Рорау", "start": CONTEXT.index("Рорау"), "end": CONTEXT.index("Рорау") + 5}
        assert list(ExtractiveQA().score([example], {"0": record}, resamples=100, seed=0).variants) == variants


def test_unlabelled_questions_are_predicted_but_not_scored() -> None:
    several = [*examples("Рорау"), QAExample("unlabelled", CONTEXT, "Где?", None)]
    windows = cut_windows(several, tokenizer("wordpiece"), WindowSettings())
    predictions = TASK.predict(several, windows, [np.zeros((2, n), np.float32) for n in windows.lengths])
    assert set(predictions) == {"0", "unlabelled"}
    assert TASK.score(several, predictions, resamples=10, seed=0).examples == 1
