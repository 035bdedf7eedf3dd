"""What a page shows of taggers: by type, by kind of mistake, and the texts on which models differ."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distil.framework.files import write_json
from distil.framework.language.words import ENGLISH, RUSSIAN
from distil.framework.tasks.tagging.task import Tagging
from distil.tracking.html.page import run_page
from distil.tracking.html.tag_parts import TagAnswers, mistakes, read_tagged, tag_cases, type_table
from tests.reading_html import Page
from tests.tiny import several_values

ROLES = {"a": "teacher", "ensemble": "ensemble", "student": "student"}
ENTITIES = ["O", "B-PER", "I-PER", "B-<b>", "I-<b>"]
WORDS = ["NOUN", "VERB", "X"]


def measured(run: Any, folder: Path, labels: list[str]) -> tuple[TagAnswers, Tagging, Any]:
    """A run on random tags: its teacher is right, the ensemble often, the student seldom."""
    random = np.random.default_rng(5)
    path = folder / "texts.conll"
    legal = [label for label in labels if not label.startswith("I-")]
    lines = ["".join(f"w{place} {random.choice(legal)}\n" for place in range(random.integers(1, 9))) for _ in range(40)]
    path.write_text("\n".join(lines))
    source = {"kind": "files", "path": {"train": str(path), "dev": str(path)}}
    data = {"source": source, "splits": {"train": "train", "dev": "dev"}}
    values = several_values(
        run.output,
        data=data,
        task={"kind": "tagging", "labels": labels},
        windows={"max_length": 32, "doc_stride": 8},
        ensemble={"rule": "mean"},
    )
    task, examples = run.of_recipe(values)
    wrong = {"a": 0.0, "ensemble": 0.2, "student": 0.6}
    run.found = {}
    for name, role in ROLES.items():
        run.add_model(name, role)
        run.results["models"][-1] |= {"predictions": f"predictions/{name}.json"}
        run.found[name] = {
            one.id: {"tags": [str(random.choice(legal)) if random.random() < wrong[name] else tag for tag in one.tags]}
            for one in examples
        }
        write_json(run.folder / f"predictions/{name}.json", run.found[name])
    run.save()
    return read_tagged(run.folder, run.results, task), task, examples


def test_figures_of_types_are_those_of_the_task(run: Any, tmp_path: Path) -> None:
    answers, task, examples = measured(run, tmp_path, ENTITIES)
    _, columns, rows, _ = type_table(answers, ENGLISH)
    assert columns == ["type", "entities", *ROLES]
    assert [row[2] for row in rows] == ["100.0"] * len(rows)
    for number, name in enumerate(ROLES):
        scored = task.score(examples, run.found[name], 1, 0).variants
        assert {row[0]: row[2 + number] for row in rows} == {
            type: f"{scored[f'type {type}']['f1']:.1f}" for type in ("PER", "<b>")
        }


def test_every_entity_is_right_or_a_mistake_of_one_kind(run: Any, tmp_path: Path) -> None:
    answers, _, _ = measured(run, tmp_path, ENTITIES)
    table = mistakes(answers, ROLES, ENGLISH)
    for name, *cells in table.rows:
        right, *others, none_there = map(int, cells)
        pairs = list(zip(answers.gold, answers.given[name], strict=True))
        assert right == sum(len(gold & given) for gold, given in pairs)
        assert right + sum(others) == sum(map(len, answers.gold))
        spans = [({(e.start, e.end) for e in gold}, {(e.start, e.end) for e in given}) for gold, given in pairs]
        assert none_there == sum(len(given - gold) for gold, given in spans)  # entities of one word each
    assert table.rows[0][2:] == ["0"] * 4


@pytest.mark.parametrize("labels", [ENTITIES, WORDS])
def test_a_page_has_the_sections_of_tags(run: Any, tmp_path: Path, labels: list[str]) -> None:
    answers, _, _ = measured(run, tmp_path, labels)
    page = Page(run_page(run.folder, run.results))
    headings = ["types" if labels == ENTITIES else "tags", "mistakes", "disagreements"]
    assert [one for one in page.ids() if one in headings] == headings
    assert Page(run_page(run.folder, run.results, RUSSIAN)).english(ROLES) == []
    worse, better = tag_cases(answers, ROLES, ENGLISH)
    differ = [
        given != gold and (answers.given["a"][number] == gold)
        for number, (given, gold) in enumerate(zip(answers.given["student"], answers.gold, strict=True))
    ]
    assert worse.count == sum(differ)
    assert better.count == sum(
        answers.given["student"][number] == gold != answers.given["ensemble"][number]
        for number, gold in enumerate(answers.gold)
    )
    for case in worse.shown:
        assert [answer.worth for answer in case.answers if answer.text == case.gold] == ["yes"]
    (tmp_path / "texts.conll").unlink()
    problems = [text for text in Page(run_page(run.folder, run.results)).texts["p"] if "cannot be shown" in text]
    assert len(problems) == 3


def test_confusions_of_words_are_counted(run: Any, tmp_path: Path) -> None:
    answers, _, examples = measured(run, tmp_path, WORDS)
    _, columns, rows, _ = mistakes(answers, ROLES, ENGLISH)
    assert columns == ["gold tag", "tag given", *ROLES]
    for gold, given, *counts in rows:
        for name, count in zip(ROLES, counts, strict=True):
            pairs = [pair for one in examples for pair in zip(one.tags, run.found[name][one.id]["tags"], strict=True)]
            assert int(count) == pairs.count((gold, given))
