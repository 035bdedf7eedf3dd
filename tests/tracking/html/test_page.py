"""The page of a real run whose texts would break out of it if they could."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from distil.framework.data.section import Data
from distil.framework.files import read_json, write_json
from distil.framework.language.words import ENGLISH, RUSSIAN
from distil.framework.results import read_results
from distil.framework.tasks.span_qa.synthetic import Synthetic
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.tracking.html.page import _breakable, run_page
from distil.tracking.html.question_parts import by_answer_length, by_question_word, read_questions
from tests.questions import load
from tests.reading_html import Page
from tests.serving import chromium
from tests.tiny import model_of, several_values, watched_run

HOSTILE = "<script>alert(1)</script> \"'>&amp; שָׁלוֹם \u202e 😀 \x00 "
SECTIONS = ["results", "tradeoff", "curves", "ensemble", "disagreements", "groups", "recipe"]
NAMES = ["a", "b", "c", "ensemble", "student"]
WIDE = """() => [...document.querySelectorAll(".scroll")].filter((part) => part.scrollWidth > part.clientWidth)
  .map((part) => `${part.getAttribute("aria-label")}: ${part.scrollWidth}`)"""
# Words of headings that stand in more than one line; what may be broken is a text of its own.
BROKEN = """() => [...document.querySelectorAll("thead th")].flatMap((heading) => {
  const texts = document.createTreeWalker(heading, NodeFilter.SHOW_TEXT), broken = [];
  while (texts.nextNode()) {
    for (const word of texts.currentNode.data.matchAll(/\\S+/g)) {
      const range = document.createRange();
      range.setStart(texts.currentNode, word.index);
      range.setEnd(texts.currentNode, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map((box) => box.top)).size > 1) broken.push(word[0]);
    }
  }
  return broken;
})"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three teachers, their ensemble and a student that was measured on the way."""
    folder = tmp_path_factory.mktemp("page")
    source = Synthetic(examples={"train": 48, "validation": 16}, facts=3, fillers=0)
    for name, split in load(Data(source=source)).items():
        rows = [
            {
                "id": example.id,
                "context": HOSTILE + example.context,
                "question": HOSTILE + example.question,
                "answers": [
                    {"text": answer.text, "answer_start": answer.start + len(HOSTILE)}
                    for answer in example.answers or ()
                ],
            }
            for example in split.examples
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    values = several_values(
        folder / "runs",
        description="<i>Проба</i>",
        data={
            "source": {"kind": "files", "path": {name: str(folder / f"{name}.jsonl") for name in ("train", "dev")}},
            "splits": {"train": "train", "dev": "dev"},
        },
        student__epochs=2,
        evaluation={"latency_questions": 2, "bootstrap": 100, "during_training": True},
    )
    values["windows"]["max_length"] = 128
    values["windows"]["max_question"] = 96
    results, _ = watched_run(values)
    found: Path = folder / "runs" / results["run"]
    return found


def test_the_page_is_whole_and_loads_nothing(run: Path) -> None:
    text = run_page(run, read_results(run))
    page = Page(text)
    ids = page.ids()
    assert [one for one in ids if one in SECTIONS] == SECTIONS
    assert len(ids) == len(set(ids))
    names = {tag for tag, _ in page.elements}
    assert not names & {"script", "link", "img", "iframe", "object", "base", "i"}
    for tag, attributes in page.elements:
        assert not {"src", "onload", "onclick", "style"} & set(attributes)
        if "href" in attributes:
            assert tag == "a"
            assert str(attributes["href"]).removeprefix("#") in ids
        for one in (attributes.get("aria-labelledby") or "").split():
            assert one in ids
        if tag == "svg" and "aria-hidden" not in attributes:
            assert attributes["role"] == "img"
    assert "url(" not in text
    assert "://" not in page.texts["style"][0]
    assert len(text.encode()) < 1_000_000


def test_tables_have_the_figures_of_the_results(run: Path) -> None:
    results = read_results(run)
    page = Page(run_page(run, results))
    for name in NAMES:
        row, model = page.table_of(name)[0], model_of(results, name)
        for cell, metric in zip(row[3:5], ("exact_match", "f1"), strict=True):
            low, high = model["evaluation"][f"{metric}_interval"]
            assert cell == f"{model['evaluation'][metric]:.1f} [{low:.1f}, {high:.1f}]"
    assert [row[1] for row in page.rows if row[0] in "abc"][3:] == ["0.33 ± 0.00"] * 3
    for title in ("EM and parameters", "F1 and latency", "EM during training", *NAMES[:3], "student"):
        assert title in page.texts["figcaption"]


def test_a_page_in_russian_says_nothing_in_english(run: Path) -> None:
    results = read_results(run)
    text = run_page(run, results, RUSSIAN)
    page = Page(text)
    assert '<html lang="ru">' in text
    assert page.english(NAMES) == []
    assert page.table_of("student")[0][1] == "ученик"
    low, high = model_of(results, "student")["evaluation"]["f1_interval"]
    assert f"[{low:.1f}; {high:.1f}]".replace(".", ",") in page.table_of("student")[0][4]
    assert any(sentence.startswith("Ансамбль ") for sentence in page.texts["p"])
    assert len(Page(run_page(run, results)).english(NAMES)) > 50  # by which this test sees English


def test_the_russian_normalisation_is_explained_where_it_is_shown(run: Path) -> None:
    results = read_results(run)
    assert any(text.startswith("russian: the same figures") for text in Page(run_page(run, results)).texts["p"])
    for model in results["models"]:
        (model["evaluation"] or {}).pop("russian")
    page = Page(run_page(run, results))
    assert not any("russian" in text for text in [*page.texts["p"], *page.texts["th"]])


def test_baselines_stand_beside_the_ensemble(run: Path) -> None:
    results = read_results(run)
    student = model_of(results, "student")
    results["models"].append({**student, "name": "student_no_distillation", "role": "baseline"})
    described = next(text for text in Page(run_page(run, results)).texts["desc"] if text.startswith("a "))
    assert [part.split()[0] for part in described.split("; ")] == [*NAMES, "student_no_distillation"]


def test_groups_add_up_to_the_results(run: Path) -> None:
    results = read_results(run)
    questions = read_questions(run, results, ExtractiveQA())
    for groups in (by_question_word(questions, NAMES), by_answer_length(questions, NAMES, ENGLISH)):
        assert sum(group.questions for group in groups) == 16
        for name in NAMES:
            for number, metric in enumerate(("exact_match", "f1")):
                mean = sum(group.questions * group.figures[name][number] for group in groups) / 16
                assert mean == pytest.approx(model_of(results, name)["evaluation"][metric])


def test_texts_stay_texts(run: Path, tmp_path: Path) -> None:
    """With a teacher that is right where the student gives the text from its beginning."""
    copied = tmp_path / "runs" / run.name
    shutil.copytree(run, copied)
    results = read_results(run)
    examples = [question.example for question in read_questions(run, results, ExtractiveQA())]
    for name, right in (("a", True), ("student", False)):
        path = copied / f"predictions/{name}.json"
        predictions = read_json(path)
        for example in examples:
            (gold, *_), end = example.answers or (), len(HOSTILE)
            start, end = (gold.start, gold.start + len(gold.text)) if right else (0, end)
            predictions[example.id] |= {"answer": example.context[start:end], "start": start, "end": end}
        write_json(path, predictions)
    text = run_page(copied, results)
    page = Page(text)
    shown = HOSTILE.strip().replace("\x00", "\ufffd")
    assert f"The student wrong, a teacher or the ensemble right: {len(examples)}" in page.texts["h3"]
    questions, marks = page.texts["h4"], page.texts["mark"]
    assert len(questions) == 16
    assert all(question.startswith(shown) for question in questions)
    assert sum(row[1].strip() == shown and "student" in row[4] for row in page.rows if len(row) == 5) == 16
    assert sum("[gold, A" in mark for mark in marks) >= 16
    assert "<script" not in text
    assert "\x00" not in text
    assert "<i>Проба</i>" in page.texts["p"]


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_data_that_is_not_there_any_more_costs_two_sections(run: Path, tmp_path: Path, change: str) -> None:
    results = read_results(run)
    data = tmp_path / "dev.jsonl"
    if change == "changed":
        data.write_text(
            '{"id": "1", "context": "Анна", "question": "Кто?", "answers": [{"text": "Анна", "answer_start": 0}]}\n'
        )
    results["recipe"]["data"]["source"]["path"]["dev"] = str(data)
    page = Page(run_page(run, results))
    problems = [text for text in page.texts["p"] if text.startswith("The questions cannot be")]
    assert len(problems) == 2
    assert all((str(data) if change == "gone" else "the data has changed since the run") in text for text in problems)
    assert [one for one in page.ids() if one in SECTIONS] == SECTIONS


def test_a_run_that_has_just_begun_has_a_page(run: Path, tmp_path: Path) -> None:
    results: dict[str, Any] = copy.deepcopy(read_results(run))
    results |= {"state": "running", "finished": None}
    for model in results["models"]:
        model |= dict.fromkeys(("parameters", "training", "evaluation", "latency", "predictions"))
        model.pop("weights", None)
    page = Page(run_page(tmp_path / "nothing" / run.name, results))
    assert page.table_of("student")[0][2:] == ["–"] * 4
    assert "No history is here of a, b, c, student." in " ".join(page.texts["p"])


def test_nothing_is_wider_than_the_page_and_no_word_of_a_heading_is_broken(run: Path) -> None:
    results = read_results(run)
    student = model_of(results, "student")
    for name in ("student_no_distillation", "student_from_a_teacher-of-another-name"):
        results["models"].append({**student, "name": name, "role": "baseline"})
    more = copy.deepcopy(results)  # as a tagger's, with two more metrics and no variant
    for model in more["models"]:
        model["evaluation"].pop("russian", None)
    more["task"]["metrics"] += [
        {**more["task"]["metrics"][0], "name": name, "label": name} for name in ("recall", "accuracy")
    ]
    for one in [
        *(model["evaluation"] for model in more["models"]),
        *(found["metrics"] for found in more["comparisons"]),
    ]:
        one |= {
            name.replace("f1", other): one[name]
            for name in ("f1", "f1_interval")
            if name in one
            for other in ("recall", "accuracy")
        }
    texts = [run_page(run, one, words) for one in (results, more) for words in (ENGLISH, RUSSIAN)]
    with chromium() as browser:
        page = browser.new_page()
        for text in texts:
            page.set_content(text)
            for width in (360, 769, 800, 961, 1281, 1400):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                assert page.evaluate(WIDE) == []
                assert page.evaluate(BROKEN) == []


def test_names_are_broken_between_their_words_and_numbers_nowhere() -> None:
    assert _breakable("losses.kl.weight") == "losses.<wbr>kl.<wbr>weight"
    assert _breakable("student_from_a-1") == "student_<wbr>from_<wbr>a-<wbr>1"
    assert _breakable("0.0005708") == "0.0005708"
