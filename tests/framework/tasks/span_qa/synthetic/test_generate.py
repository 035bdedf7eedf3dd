import pytest

from framework.data.section import Data
from framework.errors import DataError
from framework.tasks.span_qa.documents import question_rows
from framework.tasks.span_qa.example import QARow
from framework.tasks.span_qa.synthetic import facts, paragraph
from framework.tasks.span_qa.synthetic import generate as generator
from framework.tasks.span_qa.synthetic.relations import RELATIONS
from framework.tasks.span_qa.synthetic.section import Synthetic
from tests.questions import STANDARD, load


def generate(settings: Synthetic) -> dict[str, list[QARow]]:
    made = generator.generate(settings)
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
    monkeypatch.setattr(facts, "_GIVEN", [("Анна", "f"), ("Иван", "m")])
    monkeypatch.setattr(facts, "_SURNAMES", ["Титов", "Орлов"])
    monkeypatch.setattr(paragraph, "RELATIONS", RELATIONS[:1])
    settings = Synthetic(examples={"train": 1000}, facts=1, questions_per_paragraph=1, fillers=0)
    with pytest.raises(DataError, match="raise facts or ways_to_tell"):
        generate(settings)
