from framework.tasks.span_qa.thresholds import best_threshold


def test_takes_the_first_of_several_best_places() -> None:
    scores = {"a": 1.0, "b": 0.0, "c": 0.5, "d": 1.0}
    has_answer = {"a": True, "b": False, "c": True, "d": False}
    texts = {"a": "x", "b": "bait", "c": "y", "d": ""}
    doubts = {"c": 0.7, "a": 0.1, "d": 0.9, "b": 0.5}
    # 2 points for silence; then a: 3, b: 2, c: 2.5, d (an empty text, which costs nothing): 2.5.
    assert best_threshold(scores, texts, doubts, has_answer) == (75.0, 0.1)


def test_silence_may_be_best() -> None:
    assert best_threshold({"a": 0.0}, {"a": "bait"}, {"a": -2.0}, {"a": False}) == (100.0, 0.0)


def test_scores_of_other_questions_are_ignored() -> None:
    result = best_threshold({"a": 1.0}, {"a": "x"}, {"other": -9.0, "a": 0.25}, {"a": True})
    assert result == (100.0, 0.25)


def test_equal_doubts_are_taken_one_by_one_in_their_order() -> None:
    scores, has_answer, texts = {"a": 1.0, "b": 0.0}, {"a": True, "b": False}, {"a": "x", "b": "bait"}
    assert best_threshold(scores, texts, {"a": 0.5, "b": 0.5}, has_answer) == (100.0, 0.5)
    assert best_threshold(scores, texts, {"b": 0.5, "a": 0.5}, has_answer) == (50.0, 0.0)
