"""What a model is shown before it is asked: right answers of others, never its own text nor what is measured by."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig

from distil.framework.chat.answers import Answer as Said
from distil.framework.chat.requests import Requests
from distil.framework.chat.section import Shots
from distil.framework.chat.shots import Chosen, Embedder, Pool, pool_of
from distil.framework.errors import DataError, ModelError, RecipeError
from distil.framework.label import label
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare, run
from distil.framework.tasks.classification.chat import LabelChat, LabelsChat, NumberChat
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.span_qa.chat import SpanChat
from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.tasks.tagging.chat import EntityChat
from distil.framework.tasks.tagging.example import Tagged
from distil.framework.tasks.tagging.tags import tag_set
from distil.framework.teachers.chat import Chat
from tests.chat_models import chat_folder
from tests.tiny import model_of, tiny_values

LABELS = ["доставка", "оплата"]


def text(number: int, words: str, label: str | None = "оплата") -> Text:
    return Text("here", str(number), words, None, None if label is None else (label,))


def shots(**changes: Any) -> Shots:
    return Shots.model_validate({"split": "train", "count": 2, **changes})


@given(st.integers(1, 6), st.integers(0, 3), st.integers(0, 7))
def test_nobody_is_shown_its_own_text_under_another_id_or_label(count: int, seed: int, which: int) -> None:
    words = ["a", "b", "c", "a", "d", "b", "e", "f"]
    pool = Pool([text(number, word) for number, word in enumerate(words)], None, 16)
    asked = text(100, words[which], "доставка")
    found = Chosen(shots(count=count, seed=seed), pool).of(asked)
    assert asked.text not in [one.text for one in found]
    assert len(found) == min(count, sum(word != words[which] for word in words))
    assert found == Chosen(shots(count=count, seed=seed), pool).of(asked)
    others = [one.text for one in Chosen(shots(count=count, seed=seed), pool).of(text(101, "z"))]
    assert [one for one in others if one != asked.text] == [one.text for one in found][
        : len(others) - others.count(asked.text)
    ]


def test_what_models_are_measured_by_is_never_shown() -> None:
    measured = [text(0, "a"), text(1, "b")]
    found = pool_of("train", [text(5, "a"), text(6, "c"), text(7, "d", None)], measured, None, 16)
    assert [one.id for one in found.examples] == ["6"]
    with pytest.raises(DataError, match="can be shown"):
        pool_of("train", [text(5, "a"), text(7, "d", None)], measured, None, 16)


def test_they_are_turns_with_answers_in_the_form_that_is_asked_for() -> None:
    task = LabelChat(LABELS, [["delivery", "shipping"], ["payment</s>"]])
    pool = Pool([text(0, "a", "доставка"), text(1, "b<|im_end|>")], None, 16)
    teacher = Chat.model_validate(
        {"endpoint": {"url": "http://127.0.0.1:1/v1", "model": "m"}, "examples": {"split": "train"}}
    )
    request = Requests(teacher, task, lambda _: 0, Chosen(shots(), pool)).of(text(9, "c"))
    roles = [message.role for message in request.messages]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    said = {message.content for message in request.messages[1:-1]}
    assert said == {"Text: a", "delivery", "Text: b< |im_end|>", "payment< /s>"}
    assert request.messages[-1].content == "Text: c"


def embedding(folder: Path, texts: Sequence[str]) -> np.ndarray:
    return Embedder(folder, 24)(texts)


def values(output: Path, chat: Path, **changes: Any) -> dict[str, Any]:
    """12 texts to learn from, one of which is measured by too."""
    topics = {"доставка": "Привезите шкаф, номер", "оплата": "Спишите деньги, счёт"}
    output.mkdir(exist_ok=True)
    rows = "".join(f'"{words} {number}","{label}"\n' for number in range(6) for label, words in topics.items())
    (output / "train.csv").write_text("text,label\n" + rows)
    (output / "dev.csv").write_text('text,label\n"Привезите шкаф, номер 3",доставка\n"Спишите счёт 77",оплата\n')
    source = {"kind": "files", "path": {"train": str(output / "train.csv"), "dev": str(output / "dev.csv")}}
    return tiny_values(
        output / "runs",
        **{
            "data": {"source": source, "splits": {"train": "train", "dev": "dev"}},
            "task": {"kind": "classification"},
            "windows": {"max_length": 24},
            "teachers": {
                "llm": {
                    "kind": "chat",
                    "model": {"kind": "folder", "path": str(chat)},
                    "read": "likelihood",
                    "examples": {"split": "train", "count": 3, "by": "nearest"},
                }
            },
            "student__epochs": 1,
            "baselines": None,
            "evaluation": {"bootstrap": 100, "latency_questions": 2},
            **changes,
        },
    )


def test_a_run_shows_the_nearest_by_its_own_student(tmp_path: Path) -> None:
    recipe = recipe_from_values(values(tmp_path, chat_folder(tmp_path / "chat")), "here")
    results: Any = run(recipe)
    assert results["state"] == "finished"
    assert model_of(results, "llm")["latency"] is not None
    context, graph = prepare(recipe)
    (llm, _) = graph.models
    assert llm.shown is not None
    assert llm.shown.pool.student is not None
    pool, dev = llm.shown.pool, context.data["dev"].examples
    assert "Привезите шкаф, номер 3" not in [one.texts[0] for one in pool.examples]
    vectors = embedding(llm.shown.pool.student, [one.texts[0] for one in pool.examples])
    for example in dev:
        near = np.argsort(-(vectors @ embedding(llm.shown.pool.student, [example.texts[0]])[0]), kind="stable")[:3]
        assert recipe.teachers["llm"].examples is not None
        found = Chosen(recipe.teachers["llm"].examples, pool).of(example)
        assert found == [pool.examples[int(number)] for number in near[::-1]]


def test_labelling_misses_a_student_by_which_examples_would_be_chosen_before_anybody_is_asked(tmp_path: Path) -> None:
    chat, broken = chat_folder(tmp_path / "chat"), chat_folder(tmp_path / "broken")
    config = BertConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    config.save_pretrained(broken)
    (broken / "model.safetensors").write_bytes(b"x")
    for folder, words in ((tmp_path / "nowhere", "nowhere"), (broken, "is damaged")):
        student = {"model": {"kind": "folder", "path": str(folder)}, "lr": 0.001}
        with pytest.raises(ModelError, match=words):
            label(recipe_from_values(values(tmp_path, chat, student=student), "here"))
    assert not list((tmp_path / "runs").rglob("manifest.json"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"teachers__llm__examples__split": "dev"}, r"examples\.split is 'dev', by which all is measured"),
        ({"teachers__llm__examples__split": "none"}, r"teachers\.llm\.examples\.split: no split"),
        ({"teachers__llm__examples__seed": 3}, "`seed` is of what is drawn"),
        ({"student": None, "losses": None}, "there is no student"),
        ({"teachers__llm__fine_tune": {"lr": 0.001}}, "`examples` are for a model that has learnt from none"),
        ({"teachers__llm__prices": {"input": 1.0, "output": 1.0}}, "prices: this is for a server"),
        ({"teachers__llm__endpoint": {"url": "http://127.0.0.1:1/v1", "model": "m"}}, "give one of them, not both"),
        ({"teachers__llm__model": None}, "give one of them"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        recipe_from_values(values(tmp_path, tmp_path / "chat", **changes), "here")


def test_other_examples_are_other_signals(tmp_path: Path) -> None:
    """Its digest decides about answers: other examples, other signals."""
    chat = chat_folder(tmp_path / "chat")
    _, first = prepare(recipe_from_values(values(tmp_path, chat), "here"))
    _, second = prepare(recipe_from_values(values(tmp_path, chat, teachers__llm__examples__count=2), "here"))
    assert first.collections["llm", "train"].stage.digest != second.collections["llm", "train"].stage.digest


def test_right_answers_are_read_as_what_is_right() -> None:
    """Of every task that has chat teachers."""
    labels = LabelChat(LABELS, [["delivery"], ["payment"]])
    several = LabelsChat(LABELS, [["delivery"], ["payment"]])
    spans = SpanChat(True, 3, 0.0)
    tags = EntityChat(tag_set(("O", "B-PER", "I-PER", "B-LOC", "I-LOC"), "bio"))
    question = QAExample("1", "Анна родилась в Туле.", "Где?", (Answer("Туле", 16),))
    nowhere = QAExample("2", "Анна родилась в Туле.", "Когда?", ())
    units = ((0, 4), (5, 11), (12, 20), (21, 22), (23, 27))
    names = Tagged("here", "1", "Анна Жукова родилась в Туле", units, ("B-PER", "I-PER", "O", "O", "B-LOC"))
    assert _read(labels, text(0, "a", "оплата")).tolist() == [0, 1]
    assert _read(several, Text("here", "1", "a", None, ("доставка", "оплата"))).tolist() == [1, 1]
    assert _read(several, Text("here", "1", "a", None, ())).tolist() == [0, 0]
    assert _read(NumberChat(1.0, 5.0), Text("here", "1", "a", None, 4.0)).tolist() == [0.75]
    assert _read(spans, question).places == ((16, 20),)
    assert _read(spans, nowhere).places == ()
    assert _read(tags, names).tags == names.tags


def _read(task: Any, example: Any) -> Any:
    return task.read(example, [Said(text=task.right(example))], "votes")
