import pytest

from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.tasks.span_qa.metrics import squad_v1, squad_v2
from distil.framework.tasks.span_qa.squad_metric import load_squad_metric


def test_both_configurations_load_by_path_and_agree_with_the_functions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    texts = {"1": "«ёж»", "2": "кот", "3": ""}
    golds = {"1": ["еж"], "2": ["рыжий кот", "лис"], "3": []}
    doubts = {"1": 0.1, "2": 0.75, "3": 0.9}
    references = [
        {"id": name, "answers": {"text": gold, "answer_start": [0] * len(gold)}} for name, gold in golds.items()
    ]
    examples = [QAExample(name, "", "", tuple(Answer(g, 0) for g in gold)) for name, gold in golds.items()]

    first = load_squad_metric()
    plain = [{"id": name, "prediction_text": text} for name, text in texts.items()]
    results = first.compute(predictions=plain[:2], references=references[:2])
    assert results == flat(squad_v1(examples[:2], texts))
    assert results["exact_match"] == 0.0
    assert results["russian_exact_match"] == 50.0
    with pytest.raises(ValueError, match="only 'squad_v2'"):
        first.compute(predictions=plain[:2], references=references[:2], no_answer_threshold=0.5)

    second = load_squad_metric("squad_v2")
    doubtful = [row | {"no_answer_probability": doubts[str(row["id"])]} for row in plain]
    results = second.compute(predictions=doubtful, references=references, no_answer_threshold=0.5)
    assert results == flat(squad_v2(examples, texts, doubts, threshold=0.5))
    assert results["HasAns_f1"] == 0.0
    assert second.compute(predictions=doubtful, references=references)["HasAns_f1"] > 0.0


def flat(results: dict) -> dict:
    russian = results.pop("russian")
    return results | {f"russian_{name}": value for name, value in russian.items()}
