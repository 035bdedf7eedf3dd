"""Generated messages: the same everywhere, none shared by two splits, with labels that their texts bear out."""

import pytest

from distil.framework.data.records import Fields
from distil.framework.errors import DataError
from distil.framework.progress import SILENT
from distil.framework.tasks.classification.synthetic import Messages, generate
from distil.framework.tasks.classification.synthetic_words import CHAT, GOODS, LETTER, TOPICS, Manner


def _sentences(forms: tuple[str, ...]) -> dict[str, set[str]]:
    """All sentences about each topic."""
    return {
        label: {
            form.format(acc=topic.acc.format(goods=goods), gen=topic.gen.format(goods=goods))
            for form in forms
            for topic in topics
            for goods in GOODS
        }
        for label, topics in TOPICS.items()
    }


@pytest.mark.parametrize(("manner", "chats"), [(LETTER, 0.0), (CHAT, 1.0)], ids=["letters", "chats"])
def test_a_message_asks_about_its_labels_and_nothing_else(manner: Manner, chats: float) -> None:
    requests, asides = _sentences(manner.requests), _sentences(manner.asides)
    for record in generate(Messages(examples={"train": 200}, requests=3, asides=2, chats=chats))["train"]:
        text = record.values["text"]
        wanted = sorted(label for label, forms in requests.items() if any(form in text for form in forms))
        mentioned = {label for label, forms in asides.items() if any(form in text for form in forms)}
        assert record.values["labels"] == wanted
        assert not mentioned & set(wanted)


def test_no_sentence_is_of_two_topics() -> None:
    for forms in (LETTER.requests, LETTER.asides, CHAT.requests, CHAT.asides):
        sentences = [sentence for of_label in _sentences(forms).values() for sentence in of_label]
        assert len(set(sentences)) == len(sentences)


def test_a_share_of_messages_is_written_as_in_a_chat() -> None:
    texts = [record.values["text"] for record in generate(Messages(examples={"train": 300}, chats=0.3))["train"]]
    chats = [text for text in texts if text[0].islower()]
    assert 60 < len(chats) < 120
    assert not {form[:10] for form in (*CHAT.requests, *CHAT.asides)} & {
        text[:10] for text in texts if text not in chats
    }


def test_the_seed_decides_everything_and_more_messages_leave_the_earlier_ones() -> None:
    few = generate(Messages(examples={"train": 5, "validation": 3}, seed=4))
    more = generate(Messages(examples={"train": 9, "validation": 3}, seed=4))
    assert few == generate(Messages(examples={"validation": 3, "train": 5}, seed=4))
    assert more["train"][:5] == few["train"]
    assert few["train"] != generate(Messages(examples={"train": 5}, seed=5))["train"]
    texts = [record.values["text"] for records in more.values() for record in records]
    assert len(set(texts)) == len(texts)


def test_noise_changes_labels_of_the_training_split_alone() -> None:
    clean = generate(Messages(examples={"train": 400, "validation": 50}))
    noisy = generate(Messages(examples={"train": 400, "validation": 50}, label_noise=0.25))
    assert noisy["validation"] == clean["validation"]
    pairs = [(a.values, b.values) for a, b in zip(clean["train"], noisy["train"], strict=True)]
    assert all(a["text"] == b["text"] for a, b in pairs)
    assert 60 < sum(a["label"] != b["label"] for a, b in pairs) < 140


def test_settings_that_allow_too_few_messages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distil.framework.data.generated._ATTEMPTS", 1)
    with pytest.raises(DataError, match="hardly a new one can be made"):
        generate(Messages(examples={"train": 900_000}, asides=0))


def test_every_split_is_read_by_itself() -> None:
    readers = Messages(examples={"train": 4, "validation": 2}).readers(SILENT, Fields(()), {})
    assert len(list(readers["train"]())) == 4
    assert len(list(readers["validation"]())) == 2
