"""What predictions of texts are worth: bits a byte, and what is written, by the libraries that others measure it with."""

import math
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from distil.framework.errors import UserError
from distil.framework.extras import MissingPackageError, need
from distil.framework.metrics import Metric
from distil.framework.plugins import SOURCE, settings_of
from distil.framework.tasks.facts import main_metrics
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.measures import ChrF, ExactMatch, RougeL, measured
from distil.framework.tasks.text.metrics import answer_of, scores
from distil.framework.tasks.text.settings import TextSettings

_text = st.text(st.sampled_from("абв abc.,é\n12 "), max_size=20)
_pairs = st.lists(st.tuples(_text, _text), min_size=1, max_size=6)


class SameLength(BaseModel):
    """A measure of the user's own."""

    kind: str
    metric: ClassVar[Metric] = Metric("same_length", "same length")
    worth: float = 100.0

    def score(self, completion: str, text: str) -> float:
        """See TextMeasure."""
        return self.worth if len(completion) == len(text) else 0.0


OWN = "tests.framework.tasks.text.test_metrics:SameLength"


def _examples(*completions: str, labelled: bool = True) -> list[Written]:
    return [Written(str(number), "p", text, labelled) for number, text in enumerate(completions)]


def _predicted(*texts: str | None) -> dict[str, Any]:
    return {str(number): {"bits": 8.0 * (number + 1), "bytes": 4, "text": text} for number, text in enumerate(texts)}


def _value(measure: Any, completions: list[str], texts: list[str]) -> float:
    return float(measured(measure, completions, texts)(np.ones((1, len(texts))))[0])


def test_bits_per_byte_is_all_bits_by_all_bytes() -> None:
    found = scores(_examples("abcd", "efgh"), _predicted("abcd", "x"), [ExactMatch()], 500, 0)
    assert found.metrics == {"bits_per_byte": 3.0, "exact_match": 50.0}
    low, high = found.intervals["bits_per_byte"]
    assert (low, high) == (2.0, 4.0)  # of one of the two alone
    assert set(np.unique(found.resampled["bits_per_byte"])) == {2.0, 3.0, 4.0}


def test_what_share_of_the_texts_is_not_in_the_figures_is_told() -> None:
    assert scores(_examples("abcd", "efgh"), _predicted("abcd", "x"), [], 10, 0).unread == 0
    assert scores(_examples("abcd", "efgh" * 3), _predicted("abcd", "x"), [], 10, 0).unread == 0.5


def test_models_that_write_nothing_have_no_value_of_texts() -> None:
    task = TextSettings.model_validate({"kind": "text"})
    found = scores(_examples("abcd", "efgh"), _predicted(None, None), task.measures, 10, 0)
    assert found.metrics.keys() == found.resampled.keys() == {"bits_per_byte"}
    assert main_metrics(task, found.metrics) == found.metrics  # type: ignore[arg-type]
    assert [metric.optional for metric in task.metrics] == [True, True]


def test_models_that_write_alone_have_no_value_of_bits() -> None:
    task = TextSettings.model_validate({"kind": "text"})
    predicted = {id: {**one, "bits": None, "bytes": 0} for id, one in _predicted("abcd", "x").items()}
    found = scores(_examples("abcd", "efgh"), predicted, task.measures, 10, 0)
    assert found.metrics == {"exact_match": 50.0}
    assert found.unread == 0
    assert answer_of(predicted["0"]) == ("abcd", None)


def test_unlabelled_examples_do_not_count() -> None:
    examples = [*_examples("abcd"), Written("1", "p", "efgh", labelled=False)]
    assert scores(examples, _predicted("abcd", "x"), [ExactMatch()], 10, 0).metrics["bits_per_byte"] == 2.0


@pytest.mark.parametrize(
    ("completion", "text", "right"),
    [
        ("Четыре.", " Четыре.\n", True),
        ("a b", "a\n  b", True),
        ("Четыре.", "четыре.", False),
        ("Четыре.", "Четыре. Пять", False),
        ("", " ", True),
    ],
)
def test_exact_match_is_but_for_white_space(completion: str, text: str, right: bool) -> None:
    assert _value(ExactMatch(), [completion], [text]) == 100.0 * right


def test_exact_match_of_what_stands_behind_a_mark() -> None:
    measure = ExactMatch(after="####")
    assert _value(measure, ["2+2 is\n#### 4"], ["#### 3, or\n####4"]) == 100.0
    assert _value(measure, ["#### 4", "4"], ["4", "4"]) == 0.0


@given(pairs=_pairs)
@settings(max_examples=50, deadline=None)
def test_chrf_is_that_of_sacrebleu(pairs: list[tuple[str, str]]) -> None:
    chrf = pytest.importorskip("sacrebleu.metrics").CHRF()
    gold, said = ([text.strip() for text in texts] for texts in zip(*pairs, strict=True))
    assert _value(ChrF(), list(gold), list(said)) == pytest.approx(chrf.corpus_score(said, [gold]).score)


@given(pairs=_pairs, seed=st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_chrf_of_a_resample_is_that_of_its_texts(pairs: list[tuple[str, str]], seed: int) -> None:
    pytest.importorskip("sacrebleu")
    drawn = np.random.default_rng(seed).integers(0, len(pairs), len(pairs))
    gold, said = (list(texts) for texts in zip(*pairs, strict=True))
    times = np.bincount(drawn, minlength=len(pairs))[None].astype(float)
    of_drawn = _value(ChrF(), [gold[one] for one in drawn], [said[one] for one in drawn])
    assert float(measured(ChrF(), gold, said)(times)[0]) == pytest.approx(of_drawn)


@given(gold=st.text("ab cd.,1", max_size=20), said=st.text("ab cd.,1", max_size=20))
@settings(max_examples=50, deadline=None)
def test_rouge_of_latin_letters_is_that_of_rouge_score(gold: str, said: str) -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeL"])
    expected = 100 * scorer.score(gold, said)["rougeL"].fmeasure
    assert _value(RougeL(), [gold], [said]) == pytest.approx(expected)


def test_rouge_reads_other_letters_too() -> None:
    pytest.importorskip("rouge_score")
    assert _value(RougeL(), ["Кот сидит на окне."], ["кот — на окне"]) == pytest.approx(100 * 2 * 3 / 7)
    assert _value(RougeL(), ["हिन्दी भाषा"], ["हिन्दी"]) == pytest.approx(100 * 2 / 3)


def test_a_measure_of_the_users_own() -> None:
    task = TextSettings.model_validate({"kind": "text", "measures": ["exact_match", {"kind": OWN, "worth": 10.0}]})
    found = scores(_examples("abcd", "efg"), _predicted("dcba", "efgh"), task.measures, 10, 0)
    assert found.metrics["same_length"] == 5.0
    own = settings_of(task)["measures"]
    assert SOURCE in own[1]
    assert SOURCE not in own[0]
    assert TextSettings.model_validate(task.model_dump()) == task


@pytest.mark.parametrize(
    ("worth", "found"), [(math.nan, "gives nan for 'b' in the place of 'a'"), (None, "SameLength fails: TypeError")]
)
def test_a_measure_of_the_users_own_that_fails_is_named(worth: Any, found: str) -> None:
    measure = SameLength.model_construct(kind=OWN, worth=worth)
    with pytest.raises(UserError, match=f"task.measures: .*{found}"):
        measured(measure, ["a"], ["b"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("measures", "found"),
    [
        (["exact_match", {"kind": "exact_match", "after": "#"}], "two measures are called exact_match"),
        (["bleu"], "unknown kind 'bleu'"),
        ([{"kind": "tests.tiny:tiny_values"}], "is not a pydantic model with a field `kind: str`"),
    ],
)
def test_measures_that_cannot_be(measures: list[Any], found: str) -> None:
    with pytest.raises(ValidationError, match=found):
        TextSettings.model_validate({"kind": "text", "measures": measures})


def test_packages_are_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    task = TextSettings.model_validate({"kind": "text", "measures": ["chrf"]})
    assert task.packages == {"task.measures: chrf": ("sacrebleu",)}
    monkeypatch.setitem(__import__("sys").modules, "sacrebleu", None)
    with pytest.raises(MissingPackageError, match=r"task.measures: chrf takes sacrebleu.*\[text\]"):
        need(*next((what, *packages) for what, packages in task.packages.items()))


def test_the_same_answer_is_the_same_text_as_likely() -> None:
    one = {"bits": 1.001, "bytes": 3, "text": "a"}
    assert answer_of(one) == answer_of({**one, "bits": 1.002})
    assert answer_of(one) != answer_of({**one, "text": "b"})
    assert answer_of(one) != answer_of({**one, "bits": 1.1})
