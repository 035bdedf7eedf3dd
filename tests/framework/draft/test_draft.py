"""Recipes for files as people have them: what is seen in a file, and a recipe that can be planned at once."""

import csv
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distil.framework.draft.facts import facts_of
from distil.framework.draft.write import draft_recipe
from distil.framework.errors import DataError
from distil.framework.language.texts import main_language
from distil.framework.recipe.checks import recipe_of
from distil.framework.recipe.schema import Recipe
from distil.framework.recipe.yaml_loader import document
from distil.framework.rehearsal.outline import known_data, outline
from distil.framework.tasks.text.example import Written

Rows = Sequence[Mapping[str, Any]]
ENGLISH = [
    "the card of my bank",
    "how do you pay with that",
    "what is the price of the sofa",
    "and for which of you is it",
]
RUSSIAN = [
    "Подскажите, пожалуйста, про доставку",
    "Где мой заказ, вы его потеряли?",
    "Это был лучший диван",
    "Цены высокие",
]


def drafted(path: Path, kind: str | None = None, **given: str) -> tuple[dict[str, Any], str, Recipe]:
    """The recipe for a file as data and as text, which can be planned without a network."""
    draft = draft_recipe(path, kind, given)
    values = document(draft.text)[1]
    recipe = recipe_of(values, lambda place: "here")
    assert outline(recipe, known_data(recipe).sizes)
    return values, draft.text, recipe


def as_table(path: Path, rows: Rows, delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def as_lines(path: Path, rows: Rows) -> Path:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


def texts(words: Sequence[str], count: int = 60) -> list[str]:
    return [f"{words[number % len(words)]} {number}" for number in range(count)]


def test_a_table_with_labels(tmp_path: Path) -> None:
    labels = ["delivery"] * 50 + ["price"] * 6 + ["quality"] * 4
    rows = [{"Отзыв": text, "Тема": label, "stars": 3} for text, label in zip(texts(RUSSIAN), labels, strict=True)]
    values, text, recipe = drafted(as_table(tmp_path / "Мои reviews.csv", rows))
    assert values["name"] == "reviews"
    assert values["data"]["source"]["fields"] == {"text": "Отзыв", "label": "Тема"}
    assert values["data"]["cut"]["shares"] == {"train": 0.9, "dev": 0.1}
    assert values["task"] == {"kind": "classification", "class_weights": "balanced"}
    assert values["windows"] == {"max_length": 64}
    assert recipe.teachers["rubert"].model.id == "ai-forever/ruBert-base"
    assert "language: Russian" in text
    assert "delivery 50, price 6, quality 4" in text


def test_a_few_texts_without_a_label_are_not_called_none(tmp_path: Path) -> None:
    labels = ["", *(["price", "quality"] * 150)]
    rows = [{"text": f"{number} sofas", "label": label} for number, label in enumerate(labels)]
    assert "without a label: less than 1%, from which" in drafted(as_table(tmp_path / "data.csv", rows))[1]


def test_columns_of_other_names_are_told_by_what_is_in_them(tmp_path: Path) -> None:
    rows = [
        {"nr": number, "what they said": text, "kind": "ab"[number % 2]} for number, text in enumerate(texts(ENGLISH))
    ]
    values, _, recipe = drafted(as_table(tmp_path / "a.tsv", rows, "\t"))
    assert values["data"]["source"]["fields"] == {"text": "what they said", "label": "kind"}
    assert "class_weights" not in values["task"]
    assert recipe.teachers["bert"].model.id == "google-bert/bert-base-cased"


def test_a_file_to_measure_on_beside_it_is_taken(tmp_path: Path) -> None:
    rows = [{"text": text, "label": str(number % 2)} for number, text in enumerate(texts(ENGLISH))]
    as_lines(tmp_path / "valid.jsonl", rows[:10])
    values, text, _ = drafted(as_lines(tmp_path / "train.jsonl", rows))
    assert set(values["data"]["source"]["path"]) == {"train", "dev"}
    assert values["data"]["splits"] == {"train": "train", "dev": "dev"}
    assert "60 to train on and 10 to measure on" in text


def test_pairs_of_texts(tmp_path: Path) -> None:
    rows = [
        {"premise": text, "hypothesis": text[:9], "label": number % 3} for number, text in enumerate(texts(ENGLISH))
    ]
    values, _, _ = drafted(as_lines(tmp_path / "nli.jsonl", rows))
    assert values["data"]["source"]["fields"] == {"text": "premise", "text_pair": "hypothesis"}


@pytest.mark.parametrize(
    ("row", "task"),
    [
        (lambda number: {"labels": ["a", "b"][: 1 + number % 2]}, {"problem_type": "multi_label"}),
        (
            lambda number: {"tags": ["new; cheap", "cheap", "new", "new; big", "big"][number % 5]},
            {"problem_type": "multi_label", "separator": ";"},
        ),
        (
            lambda number: {"toxic": number % 2, "spam": int(number % 3 == 0)},
            {"problem_type": "multi_label", "labels": ["toxic", "spam"], "label_columns": True},
        ),
        (lambda number: {"score": number / 7}, {"problem_type": "regression"}),
        (lambda number: {"stars": 1 + number % 5}, {}),
        (lambda number: {"code": 10**400 + number % 5}, {}),  # more than a floating-point number holds
    ],
)
def test_what_the_labels_are_is_seen(row: Any, task: dict[str, Any], tmp_path: Path) -> None:
    rows = [{"text": text, **row(number)} for number, text in enumerate(texts(ENGLISH))]
    values, _, _ = drafted(as_lines(tmp_path / "some.jsonl", rows))
    values["task"].pop("class_weights", None)
    assert values["task"] == {"kind": "classification", **task}


def test_long_texts_get_the_longest_window(tmp_path: Path) -> None:
    rows = [{"text": f"{number} the " * 400, "label": number % 2} for number in range(40)]
    values, text, _ = drafted(as_lines(tmp_path / "long.jsonl", rows))
    assert values["windows"] == {"max_length": 384}
    assert "Longer texts are cut" in text


def question(number: int, impossible: bool = False) -> dict[str, Any]:
    answers = [] if impossible else [{"text": f"Tula{number}", "answer_start": 17}]
    return {
        "id": str(number),
        "question": f"Where is the house of Anna {number}?",
        "is_impossible": impossible,
        "answers": answers,
    }


@pytest.mark.parametrize("impossible", [False, True])
def test_squad(impossible: bool, tmp_path: Path) -> None:
    paragraphs = [
        {
            "context": f"Anna's house is in Tula{number} and you may visit it.",
            "qas": [question(number, impossible and number % 4 == 0)],
        }
        for number in range(40)
    ]
    path = tmp_path / "squad.json"
    path.write_text(
        json.dumps({"version": "v2.0", "data": [{"title": "t", "paragraphs": paragraphs}]}), encoding="utf-8"
    )
    for paragraph in paragraphs:
        paragraph["qas"][0]["answers"] = [
            {**one, "answer_start": paragraph["context"].index("Tula")} for one in paragraph["qas"][0]["answers"]
        ]
    path.write_text(
        json.dumps({"version": "v2.0", "data": [{"title": "t", "paragraphs": paragraphs}]}), encoding="utf-8"
    )
    values, text, _ = drafted(path)
    assert values["task"] == {"kind": "extractive_qa", **({"unanswerable": True} if impossible else {})}
    assert ("questions without an answer: 25%" in text) == impossible
    assert "fields" not in values["data"]["source"]


@pytest.mark.parametrize("id", ["qid", "nr"])
def test_questions_in_a_table_with_names_of_its_own(id: str, tmp_path: Path) -> None:
    rows = [
        {
            id: number,
            "passage": f"Дом Анны стоит в Туле {number}, это был город.",
            "вопрос": "Где дом?",
            "answer": f"Туле {number}",
        }
        for number in range(40)
    ]
    values, _, recipe = drafted(as_table(tmp_path / "qa.csv", rows))
    known = {"id": "qid"} if id == "qid" else {}
    assert values["data"]["source"]["fields"] == {**known, "context": "passage", "question": "вопрос"}
    assert recipe.task.kind == "extractive_qa"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "a b c d,one\n" + "e f g h,one\ni j k l,two\n" * 9, r"the first line, a b c d, one, looks like"),
        ("a.txt", "text\tlabel\nsome words\tone\n", r"holds one sentence: .* is called a.tsv or a.csv"),
        ("a.json", '{"text": ["a b", "c d"], "label": ["x", "y"]}', "holds columns instead of rows"),
        (
            "a.jsonl",
            '{"data": {"text": "a"}, "meta": {"label": "b"}}\n',
            "a.b is what the object in the column a calls b",
        ),
        ("a.csv", "text,label\na b,one\nc d,two\ne f,one\n", "the split 'dev' is empty"),
    ],
)
def test_what_is_no_table_of_texts_says_so(name: str, content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        drafted(tmp_path / name)


def test_columns_that_are_not_read_are_named(tmp_path: Path) -> None:
    rows = [
        {
            "one": f"a text of {number} words or so",
            "two": f"it is {number} by now",
            "day": number,
            "kind": "ab"[number % 2],
        }
        for number in range(40)
    ]
    _, text, _ = drafted(as_table(tmp_path / "pairs.csv", rows))
    assert "#   not read: two, day; were two the second text of a pair: --field text_pair=two" in text


def test_conll(tmp_path: Path) -> None:
    path = tmp_path / "news.conll"
    path.write_text(
        "\n\n".join(f"Анна B-PER\nедет O\nв O\nТулу{number} B-LOC" for number in range(40)), encoding="utf-8"
    )
    values, text, _ = drafted(path)
    assert values["task"] == {"kind": "tagging"}
    assert "how often each occurs: PER 40, LOC 40" in text


@pytest.mark.parametrize(
    ("row", "fields"),
    [
        (lambda number: {"tokens": ["Anna", f"T{number}"], "ner_tags": ["B-PER", "O"]}, {}),
        (lambda number: {"text": f"Anna T{number}", "label": [[0, 4, "PER"]]}, {}),
        (lambda number: {"words": ["Anna", f"T{number}"], "pos_tags": ["PROPN", "X"]}, {"tags": "pos_tags"}),
    ],
)
def test_tagged_texts(row: Any, fields: dict[str, str], tmp_path: Path) -> None:
    values, _, recipe = drafted(as_lines(tmp_path / "ner.jsonl", [row(number) for number in range(40)]))
    assert recipe.task.kind == "tagging"
    assert values["data"]["source"].get("fields", {}) == fields


@pytest.mark.parametrize("name", ["yes", "2024", "1e5", "null", "данные", "a: b, {c}", "-x"])
def test_files_and_columns_may_be_called_anything(name: str, tmp_path: Path) -> None:
    rows = [{name: text, f"{name}2": "ab"[number % 2]} for number, text in enumerate(texts(ENGLISH))]
    values, _, _ = drafted(as_table(tmp_path / f"{name}.csv", rows))
    assert values["data"]["source"]["fields"] == {"text": name, "label": f"{name}2"}


def test_parquet(tmp_path: Path) -> None:
    rows = [{"sentence": text, "intent": "ab"[number % 2]} for number, text in enumerate(texts(ENGLISH))]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    values, _, _ = drafted(tmp_path / "a.parquet")
    assert values["data"]["source"]["fields"] == {"text": "sentence", "label": "intent"}


def test_a_task_and_columns_that_are_named_are_taken(tmp_path: Path) -> None:
    rows = [
        {"question": text, "answer": "yes" if number % 2 else "no", "more": "x"}
        for number, text in enumerate(texts(ENGLISH))
    ]
    values, _, _ = drafted(as_lines(tmp_path / "yes.jsonl", rows), "classification", label="answer")
    assert values["data"]["source"]["fields"] == {"text": "question", "label": "answer"}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            [{"text": f"text {n}", "n": f"own {n}"} for n in range(20)],
            r"no column looks like labels.*\(found: text, n\).*--field label=",
        ),
        ([{"a": n, "b": n % 2} for n in range(20)], r"no column holds texts.*--field text=COLUMN"),
        ([{"text": f"text {n}", "label": "same"} for n in range(20)], r"only the label 'same'.*--field NAME=COLUMN"),
        (
            [{"text": "one", "label": f"{n % 2}"} for n in range(20)],
            r"'dev' is empty: 'train' has 1 different text, of",
        ),
        ([{"question": f"who {n}", "answers": "he"} for n in range(20)], r"no column looks like `context`.*--task"),
    ],
)
def test_what_cannot_be_told_is_said(rows: Rows, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words):
        drafted(as_lines(tmp_path / "some.jsonl", rows))


def test_a_file_without_records_or_none_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="holds no records"):
        drafted(tmp_path / "empty.jsonl")
    with pytest.raises(DataError, match="no such file"):
        drafted(tmp_path / "none.csv")
    with pytest.raises(DataError, match="no column 'nothing'; found text, label"):
        drafted(as_lines(tmp_path / "a.jsonl", [{"text": "a", "label": "b"}]), text="nothing")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Это был хороший день, и мы поехали на дачу за яблоками, которые уже созрели.", "ru"),
        ("Їхати до міста довго, але цікаво; він бачив її вчора ввечері біля школи.", "other"),
        ("The cat that you saw is one of the best, and it was mine for a year.", "en"),
        ("Der Hund ist im Haus und schläft, weil er sehr müde von der Reise ist.", "other"),
        ("今日は天気がいいので、公園に行きました。", "other"),
        ("", "other"),
    ],
)
def test_languages(text: str, language: str) -> None:
    assert main_language([text]) == language


def test_many_texts_take_fewer_epochs(tmp_path: Path) -> None:
    drawn = random.Random(0)
    rows = [{"text": f"the {drawn.random()} of you", "label": number % 2} for number in range(2500)]
    values, _, _ = drafted(as_lines(tmp_path / "many.jsonl", rows))
    assert values["teachers"]["bert"]["fine_tune"]["epochs"] == 3


def turns(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"Where is the house {number}?"}, {"role": "assistant", "content": "In Omsk."}]


@pytest.mark.parametrize(
    ("row", "fields", "said"),
    [
        (lambda n: {"prompt": f"How much is {n} and you?", "completion": str(n % 2)}, {}, "completions"),
        (
            lambda n: {"instruction": f"what is {n}", "input": "", "output": f"it is {n}"},
            {"prompt": "instruction", "completion": "output"},
            "completions",
        ),
        (
            lambda n: (
                {"instruction": f"what is {n}", "output": f"it is {n}"} | ({"input": f"the {n}"} if n % 2 else {})
            ),
            {"prompt": "instruction", "prompt_input": "input", "completion": "output"},
            "completions",
        ),
        (
            lambda n: {"question": f"what is {n}", "answer": f"it is {n}"},
            {"prompt": "question", "completion": "answer"},
            "completions",
        ),
        (
            lambda n: {"prompt": f"what is {n}", "completion": f"it is {n}", "text": "all of it"},
            {"prompt": "prompt", "completion": "completion"},
            "completions",
        ),
        (
            lambda n: {"prompt": f"what is {n}", "chosen": f"it is {n}", "rejected": "nothing"},
            {"completion": "chosen"},
            "completions",
        ),
        (lambda n: {"system": "Be kind.", "messages": turns(n)}, {}, "conversations"),
        (lambda n: {"messages": turns(n), "source": "web"}, {}, "conversations"),
        (lambda n: {"conversation": turns(n)}, {"messages": "conversation"}, "conversations"),
        (lambda n: {"id": n, "text": f"the text of {n} and that"}, {}, "texts to be written as a whole"),
    ],
)
def test_texts_to_be_written(row: Any, fields: dict[str, str], said: str, tmp_path: Path) -> None:
    values, text, recipe = drafted(as_lines(tmp_path / "mine.jsonl", [row(number) for number in range(40)]))
    assert recipe.task.kind == "text"
    assert values["data"]["source"].get("fields", {}) == fields
    assert f"#   {said}" in text
    suffix = "-Instruct" if said == "conversations" else ""
    assert values["student"]["model"]["id"] == f"HuggingFaceTB/SmolLM2-135M{suffix}"
    assert ("prompt" in values["task"]) == (said == "completions")
    assert values["task"].get("measures") == ([] if said.startswith("texts") else None)


def test_what_the_system_says_is_read_beside_prompts(tmp_path: Path) -> None:
    rows = [{"system_prompt": "Be kind.", "question": f"what is {n}", "response": f"it is {n}"} for n in range(40)]
    values, text, _ = drafted(as_lines(tmp_path / "mine.jsonl", rows))
    assert values["data"]["source"]["fields"] == {
        "prompt": "question",
        "completion": "response",
        "system": "system_prompt",
    }
    assert "not read" not in text
    assert "prompt" not in values["task"]  # which is for prompts without roles


def test_rows_and_completions_have_the_room_that_texts_take(tmp_path: Path) -> None:
    rows = [{"prompt": f"Что это {n}? ", "completion": "Это дом, и он был построен. " * 20} for n in range(40)]
    values, _, recipe = drafted(as_lines(tmp_path / "long.jsonl", rows))
    assert "prompt" not in values["task"]  # a space stands there already
    assert values["task"]["generation"] == {"max_new_tokens": 256}
    assert values["windows"] == {"max_length": 256}
    assert recipe.teachers["qwen"].model.id == "Qwen/Qwen2.5-0.5B"
    assert recipe.student is not None
    assert recipe.student.model.kind == "layers"


def test_columns_are_texts_to_be_written_if_one_says_so(tmp_path: Path) -> None:
    rows = [{"question": f"who is {n}", "answer": "ab"[n % 2], "title": "x"} for n in range(40)]
    path = as_lines(tmp_path / "few.jsonl", rows)
    with pytest.raises(DataError, match="no column looks like `context`"):
        drafted(path)
    for kind, given in (("text", {}), (None, {"prompt": "question"}), (None, {"completion": "answer"})):
        values, text, _ = drafted(path, kind, **given)
        assert values["data"]["source"]["fields"] == {"prompt": "question", "completion": "answer"}
        assert "#   not read: title" in text
    with pytest.raises(DataError, match=r"messages must be a list of objects with role and content"):
        drafted(as_table(tmp_path / "a.csv", [{"id": n, "messages": "a b"} for n in range(30)]))


def test_of_a_long_text_the_beginning_tells_its_language_and_all_of_it_counts_as_its_length() -> None:
    found = facts_of([Written("1", "", "the cat and the dog " * 100 + "кот " * 10_000)])
    assert (found.language, found.characters) == ("en", (42_000, 42_000))


def test_records_without_a_conversation_are_read_in_their_own_form_and_not_called_unread(tmp_path: Path) -> None:
    asked = [{"prompt": f"what is {n}", "completion": f"it is {n}", "source": "web"} for n in range(20)]
    told = [{"messages": turns(n), "text": "", "source": "web"} for n in range(20)]
    _, text, _ = drafted(as_lines(tmp_path / "mine.jsonl", [*asked, *told]))
    assert "#   not read: source\n" in text


def test_choices_of_label_studio_are_told_from_marked_regions(tmp_path: Path) -> None:
    """The export that has all of both is of no use to a classifier."""
    marked = {"from_name": "label", "value": {"start": 0, "end": 4, "text": "Anna", "labels": ["PER"]}}
    chosen = {"from_name": "sentiment", "value": {"choices": ["good"]}}

    def export(name: str, *results: dict[str, Any]) -> Path:
        tasks = [
            {"id": n, "data": {"text": f"Anna lives in house {n}"}, "annotations": [{"result": list(results)}]}
            for n in range(40)
        ]
        (tmp_path / name).write_text(json.dumps(tasks))
        return tmp_path / name

    for path, kind in ((export("choices.json", chosen), None), (export("both.json", marked, chosen), "classification")):
        with pytest.raises(DataError, match=r"choices \(sentiment\), .* JSON-MIN or CSV, .* --field label=sentiment"):
            draft_recipe(path, kind, {})
    draft = draft_recipe(export("both.json", marked, chosen), None, {})
    assert draft.kind == "tagging"
    assert any("choices (sentiment), which are not" in line for line in draft.seen)
    of_it = {"from_name": "sure", "value": {"start": 0, "end": 4, "choices": ["yes"]}}
    assert not any("choices" in line for line in draft_recipe(export("regions.json", marked, of_it), None, {}).seen)
