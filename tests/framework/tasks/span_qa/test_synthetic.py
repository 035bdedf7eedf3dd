import subprocess
import sys
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from distil.framework.data.section import Data
from distil.framework.errors import DataError
from distil.framework.tasks.span_qa import synthetic, synthetic_facts
from distil.framework.tasks.span_qa.data import QARow
from distil.framework.tasks.span_qa.records import question_rows
from distil.framework.tasks.span_qa.synthetic import Synthetic, ask, slipped_spans, write_paragraph, wrong_span
from distil.framework.tasks.span_qa.synthetic_relations import RELATIONS
from tests.questions import STANDARD, load, readers


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"examples": {}}, "at least one split"),
        ({"examples": {"train": 0}}, "greater than or equal to 1"),
        ({"persons": 9}, "less than or equal to 4"),
        ({"facts": 2, "questions_per_paragraph": 3}, "holds only 2 facts"),
        ({"facts": 12, "unanswerable": 0.5}, "lower facts"),
        ({"examples": {"a": 1}, "label_noise": 0.1}, "names no such split"),
    ],
)
def test_settings_that_cannot_be_met(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Synthetic.model_validate(settings)


def test_readers_give_each_split_its_rows() -> None:
    found = readers(Synthetic(examples={"train": 4, "validation": 2}))
    assert {split: len(read()) for split, read in found.items()} == {"train": 4, "validation": 2}
    assert found["train"]()[0].id == "train-000000"


def test_the_schema_stays_light() -> None:
    heavy = "{'torch', 'transformers', 'datasets', 'pyarrow', 'pandas', 'huggingface_hub'}"
    code = f"import sys, distil.framework.data.section; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@given(st.integers(), st.integers(1, 4), st.integers(1, 11), st.integers(0, 3), st.sampled_from([0.0, 0.5, 1.0]))
def test_facts_stand_where_they_say_and_only_there(
    seed: int, persons: int, facts: int, fillers: int, pronouns: float
) -> None:
    settings = Synthetic(
        persons=persons, facts=facts, fillers=fillers, pronouns=pronouns, questions_per_paragraph=persons * facts
    )
    rng = Random(seed)
    paragraph = write_paragraph(rng, settings)
    assert len(paragraph.facts) == persons * facts
    assert len({(fact.person.full.nom, fact.relation) for fact in paragraph.facts}) == persons * facts
    values = [paragraph.context[fact.start : fact.end] for fact in paragraph.facts]
    assert all(value == value.strip() and value for value in values)
    assert len(set(values)) == len(values)
    assert paragraph.context.count(".") == persons * (facts + fillers)
    assert not {fact.relation for fact in paragraph.facts} & set(paragraph.untold)
    questions = ask(rng, settings, paragraph)
    assert len({question.text for question in questions}) == len(questions) == persons * facts


def test_each_block_opens_with_the_full_name() -> None:
    settings = Synthetic(persons=1, pronouns=1.0)
    for seed in range(100):
        paragraph = write_paragraph(Random(seed), settings)
        opening = paragraph.context.split(".")[0]
        assert any(form in opening for form in paragraph.facts[0].person.full)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_questions_asked_in_vain(share: float) -> None:
    settings = Synthetic(unanswerable=share)
    paragraph = write_paragraph(Random(0), settings)
    questions = ask(Random(1), settings, paragraph)
    assert [question.fact is None for question in questions] == [share == 1.0] * 2


def test_slips_of_one_word_within_the_sentence() -> None:
    context = "Анна спит. Она окончила Томский университет. Потом ушла."
    start = context.index("Томский")
    spans = slipped_spans(context, start, start + len("Томский университет"))
    assert [context[a:b] for a, b in spans] == ["окончила Томский университет", "университет", "Томский"]


def test_there_is_always_a_wrong_span() -> None:
    for seed in range(200):
        for facts in (1, 5):
            paragraph = write_paragraph(Random(seed), Synthetic(facts=facts, questions_per_paragraph=1))
            for fact in paragraph.facts:
                span = wrong_span(Random(seed), paragraph, fact)
                assert span != (fact.start, fact.end)
                assert paragraph.context[slice(*span)].strip()


def test_both_kinds_of_mistake_are_made() -> None:
    paragraph = write_paragraph(Random(0), Synthetic())
    fact, *others = paragraph.facts
    rng = Random(1)
    spans = {wrong_span(rng, paragraph, fact) for _ in range(200)}
    assert {(other.start, other.end) for other in others} < spans


def generate(settings: Synthetic) -> dict[str, list[QARow]]:
    made = synthetic.generate(settings)
    return {split: list(question_rows(records, STANDARD)) for split, records in made.items()}


def test_the_same_seed_gives_the_same_data_everywhere() -> None:
    source = {"kind": "synthetic", "examples": {"train": 200, "validation": 50}, "persons": 2, "label_noise": 0.2}
    data = load(Data.model_validate({"source": source}))
    assert {name: split.digest for name, split in data.items()} == {
        "train": "41341425d828a38a",
        "dev": "61844bc4ec8926a9",
    }


def test_ids_and_counts() -> None:
    rows = generate(Synthetic(examples={"train": 7, "pool": 3}))
    assert {split: [row.id for row in made][-1] for split, made in rows.items()} == {
        "train": "train-000006",
        "pool": "pool-000002",
    }


def test_no_paragraph_is_in_two_splits_or_written_twice() -> None:
    settings = Synthetic(examples={"train": 3000, "validation": 1000}, facts=1, questions_per_paragraph=1, fillers=0)
    contexts = [row.context for made in generate(settings).values() for row in made]
    assert len(set(contexts)) == len(contexts) == 4000


def test_splits_do_not_depend_on_their_order_nor_prefixes_on_their_length() -> None:
    short = generate(Synthetic(examples={"train": 20, "validation": 10}))
    long = generate(Synthetic(examples={"validation": 10, "train": 40}))
    assert long["train"][:20] == short["train"]
    assert long["validation"] == short["validation"]
    assert generate(Synthetic(seed=1, examples={"train": 20}))["train"] != short["train"]


def test_noise_spoils_labels_of_the_training_split_alone() -> None:
    examples = {"train": 1000, "validation": 200}
    clean, noisy = (generate(Synthetic(examples=examples, label_noise=noise)) for noise in (0.0, 0.3))
    assert clean["validation"] == noisy["validation"]
    pairs = list(zip(clean["train"], noisy["train"], strict=True))
    assert all((a.id, a.context, a.question) == (b.id, b.context, b.question) for a, b in pairs)
    assert abs(sum(a.answers != b.answers for a, b in pairs) - 300) < 60
    for row in noisy["train"]:
        assert row.answers is not None
        ((text, start),) = row.answers
        assert row.context.startswith(text, start)


def test_too_few_paragraphs_end_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic_facts, "_GIVEN", [("Анна", "f"), ("Иван", "m")])
    monkeypatch.setattr(synthetic_facts, "_SURNAMES", ["Титов", "Орлов"])
    monkeypatch.setattr(synthetic, "RELATIONS", RELATIONS[:1])
    settings = Synthetic(examples={"train": 1000}, facts=1, questions_per_paragraph=1, fillers=0)
    with pytest.raises(DataError, match="raise facts or ways_to_tell"):
        generate(settings)
