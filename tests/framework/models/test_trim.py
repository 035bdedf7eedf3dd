"""Trimmed tokenizers: the same tokens on the texts that they were trimmed to, and some on all others."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForQuestionAnswering,
    AutoTokenizer,
    BertTokenizer,
    PreTrainedTokenizerFast,
    RobertaTokenizer,
)

from distil.framework.data.features import WindowSettings
from distil.framework.data.section import Data
from distil.framework.errors import ModelError, RecipeError
from distil.framework.models.bounds import count_parameters
from distil.framework.models.build import random_model, save_model
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel, TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer
from distil.framework.models.trim import trim, trim_tokenizer
from distil.framework.predictors.logits import logits_predictor
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare, run
from distil.framework.tasks.base import InferenceConfig
from distil.framework.tasks.span_qa.task import ExtractiveQA
from tests.questions import load
from tests.tiny import model_of, tiny_values
from tests.tokenizing import KINDS, texts, tokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
NAMES = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
TASK = ExtractiveQA()
WINDOWS = WindowSettings(max_length=64, doc_stride=16, max_question=8)
INFERENCE = InferenceConfig(TASK, WINDOWS, 8, "fp32")
BERT = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
SIZES: dict[str, dict[str, Any]] = {
    "bert": BERT,
    "distilbert": {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64},
    "roberta": {**BERT, "max_position_embeddings": 80, "type_vocab_size": 1},
}
DATA = load(
    Data.model_validate({"source": {"kind": "synthetic", "examples": {"train": 60, "validation": 12}, "facts": 3}})
)
CORPUS, OTHERS = DATA["dev"].examples, DATA["train"].examples


def cut(words: Any, text: str) -> list[tuple[str, tuple[int, int]]]:
    encoding = words.backend_tokenizer.encode(text, add_special_tokens=False)
    return list(zip(encoding.tokens, encoding.offsets, strict=True))


def of(model: Any) -> PreTrainedTokenizerFast:
    backend = Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=backend, **NAMES)


def wordpiece(*pieces: str) -> PreTrainedTokenizerFast:
    vocab = {piece: number for number, piece in enumerate([*SPECIAL, *pieces])}
    return of(models.WordPiece(vocab, unk_token="[UNK]"))


def trimmed(words: Any, kept: Sequence[str], named: Sequence[int] = ()) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        return trim_tokenizer(words, kept, named, Path(folder))


@pytest.mark.parametrize("kind", KINDS)
@given(kept=st.lists(texts, min_size=1, max_size=4), other=texts)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_its_own_texts_are_cut_as_before_and_others_somehow(kind: str, kept: list[str], other: str) -> None:
    before = tokenizer(kind)
    after = trimmed(before, kept)
    for text in kept:
        assert cut(after, text) == cut(before, text)
    assert all(0 <= start <= end <= len(other) for _, (start, end) in cut(after, other))
    vocabulary = after.get_vocab()
    assert sorted(vocabulary.values()) == list(range(len(vocabulary)))
    assert set(vocabulary) <= set(before.get_vocab())
    assert sorted(vocabulary, key=lambda token: before.get_vocab()[token]) == sorted(
        vocabulary, key=lambda token: vocabulary[token]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_smaller_and_still_spells_other_words(kind: str) -> None:
    before = tokenizer(kind)
    after = trimmed(before, ["чай"])
    assert len(after) < len(before)
    assert len(cut(after, "Чайковский")) > len(cut(before, "Чайковский"))
    assert after.unk_token_id not in after("Чайковский")["input_ids"]
    assert after.convert_ids_to_tokens(after("чай", "чай")["input_ids"]) == before.convert_ids_to_tokens(
        before("чай", "чай")["input_ids"]
    )


def test_an_unknown_word_stays_unknown() -> None:
    # Without "xy", which nothing else needs, "xyz" could be spelt as "x" and "##yz".
    before = wordpiece("xy", "x", "z", "##yz", "spare")
    after = trimmed(before, ["xyz zyz"])
    assert [token for token, _ in cut(after, "xyz zyz")] == ["[UNK]", "z", "##yz"]
    assert "spare" not in after.get_vocab()


def test_an_unknown_character_costs_what_it_did() -> None:
    # "c" is only known inside of "ac"; how bad it is to leave it unknown depends on the lowest score of all.
    scores = {"x": -100.0, "a": -100.0, "ac": -100.0, "xa": -1.0, "zz": -1000.0, "spare": -2.0}
    before = of(models.Unigram([*((token, 0.0) for token in SPECIAL), *scores.items()], unk_id=1))
    after = trimmed(before, ["xac xa"])
    assert [token for token, _ in cut(after, "xac")] == ["x", "ac"]
    assert "spare" not in after.get_vocab()


def test_merges_that_are_left_have_their_parts_and_their_order() -> None:
    state = json.loads(trimmed(tokenizer("byte-level bpe"), ["композитор чай"]).backend_tokenizer.to_str())["model"]
    before = json.loads(tokenizer("byte-level bpe").backend_tokenizer.to_str())["model"]["merges"]
    assert state["merges"] == [pair for pair in before if {*pair, "".join(pair)} <= set(state["vocab"])]
    assert 0 < len(state["merges"]) < len(before)


def test_tokens_with_a_meaning_of_their_own_are_kept() -> None:
    before = wordpiece("да", "named", "spare")
    before.add_tokens(["<added>"])
    after = trimmed(before, ["да"], named=[before.get_vocab()["named"], 999])
    assert sorted(after.get_vocab(), key=after.get_vocab().__getitem__) == [*SPECIAL, "да", "named", "<added>"]
    assert [token for token, _ in cut(after, "да<added>")] == ["да", "<added>"]


def test_a_vocabulary_of_whole_words_is_refused() -> None:
    words = of(models.WordLevel({token: number for number, token in enumerate([*SPECIAL, "да"])}, unk_token="[UNK]"))
    with pytest.raises(ModelError, match=r"is of type WordLevel, but only .*; drop `trim`"):
        trimmed(words, ["да"])


def words(kind: str, size: int = 900) -> Any:
    texts = [text for example in OTHERS for text in (example.context, example.question)]
    return train_tokenizer(TrainedTokenizer(kind=kind, vocab_size=size), texts)  # type: ignore[arg-type]


def bert_words() -> Any:
    """As the hub's: of a class that makes all but the vocabulary anew when it is loaded."""
    return BertTokenizer(vocab=words("wordpiece").get_vocab(), do_lower_case=True)


def roberta_words() -> Any:
    model = json.loads(words("bpe").backend_tokenizer.to_str())["model"]
    names = {"bos_token": "[CLS]", "cls_token": "[CLS]", "eos_token": "[SEP]", "sep_token": "[SEP]"}
    more = {"pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}
    merges = [tuple(pair) for pair in model["merges"]]
    return RobertaTokenizer(vocab=model["vocab"], merges=merges, **names, **more)


def put(architecture: str, tokenizer: Any, folder: Path) -> Path:
    """A model with random weights and a larger embedding than its tokenizer needs."""
    source = ConfigModel(architecture=architecture, config=SIZES[architecture])
    config = new_config(source, len(tokenizer) + 7, int(tokenizer.pad_token_id))
    save_model(random_model(TASK, config, seed=1), tokenizer, folder)
    return folder


@pytest.mark.parametrize(
    ("architecture", "make"),
    [
        ("bert", bert_words),
        ("distilbert", lambda: words("wordpiece")),
        ("roberta", roberta_words),
        ("bert", lambda: words("unigram")),
    ],
    ids=["bert-wordpiece", "distilbert-wordpiece", "roberta-bpe", "bert-unigram"],
)
def test_a_trimmed_model_says_the_same(architecture: str, make: Any, tmp_path: Path) -> None:
    source = put(architecture, make(), tmp_path / "source")
    facts = trim(source, CORPUS, TASK, WINDOWS, tmp_path / "small")

    before, after = (logits_predictor(folder, INFERENCE) for folder in (source, tmp_path / "small"))
    (windows, logits), (same, found) = (predictor.outputs(CORPUS) for predictor in (before, after))
    np.testing.assert_array_equal(same.spans, windows.spans)
    assert after.tokenizer.convert_ids_to_tokens(same.input_ids) == before.tokenizer.convert_ids_to_tokens(
        windows.input_ids
    )
    np.testing.assert_allclose(np.concatenate(found, -1), np.concatenate(logits, -1), atol=1e-5)

    assert facts["tokens"] == len(after.tokenizer) == after.model.config.vocab_size < facts["tokens_before"]
    assert facts["parameters_before"] - facts["parameters"] == 32 * (facts["tokens_before"] + 7 - facts["tokens"])
    padding = after.model.get_input_embeddings().padding_idx
    assert after.model.config.pad_token_id == after.tokenizer.pad_token_id == padding

    others, outputs = after.outputs(OTHERS)  # with words that the corpus lacks
    assert all(np.isfinite(one).all() for one in outputs)
    assert (others.spans[:, 0] <= others.spans[:, 1]).all()
    assert others.input_ids.max() < facts["tokens"]

    loaded = AutoModelForQuestionAnswering.from_pretrained(tmp_path / "small")
    assert count_parameters(loaded) == facts["parameters"]
    question, context = OTHERS[0].question, OTHERS[0].context
    again = AutoTokenizer.from_pretrained(tmp_path / "small")
    assert again(question, context)["input_ids"] == after.tokenizer(question, context)["input_ids"]


def test_a_model_that_counts_from_the_number_of_padding_is_refused_if_that_changes(tmp_path: Path) -> None:
    vocabulary = words("wordpiece").get_vocab()
    order = sorted(vocabulary, key=vocabulary.__getitem__)
    spare = [f"spare{number}" for number in range(9)]
    tokenizer = BertTokenizer(vocab={token: number for number, token in enumerate([*spare, *order])})
    source = put("roberta", tokenizer, tmp_path / "source")
    with pytest.raises(ModelError, match=r"a roberta model says something else .*; drop `trim`"):
        trim(source, CORPUS, TASK, WINDOWS, tmp_path / "small")


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def values(output: Path, **student: Any) -> dict[str, Any]:
    changes = {
        "teachers__teacher__fine_tune": {"epochs": 1, "batch_size": 16},
        "student": {"epochs": 1, "batch_size": 16, **student},
        "evaluation": {"latency_questions": 0, "bootstrap": 100},
    }
    return tiny_values(output, **changes)


def test_a_run_trains_what_is_left(output: Path) -> None:
    folder = put("distilbert", words("wordpiece"), output / "pretrained")
    recipe = recipe_from_values(
        values(output, model={"kind": "folder", "path": str(folder)}, trim={"splits": ["train"]}), "here"
    )
    _, graph = prepare(recipe)
    titles = [stage.title for stage in graph.stages()]
    at = titles.index("prepare the student")
    assert titles[at : at + 2] == ["prepare the student", "trim the vocabulary of the student"]
    assert titles.count("trim the vocabulary of the student") == 1  # for the baseline as well

    results = run(recipe)
    for name in ("student", "student_no_distillation"):
        model = model_of(results, name)
        assert model["parameters"] == model["trimmed"]["parameters"] < model["trimmed"]["parameters_before"]
        vocabulary = AutoTokenizer.from_pretrained(output / model["folder"]).get_vocab()
        assert len(vocabulary) == model["trimmed"]["tokens"] < model["trimmed"]["tokens_before"]
    assert "trimmed" not in model_of(results, "teacher")


def test_a_student_of_a_teachers_layers_is_trimmed_after_they_are_copied(output: Path) -> None:
    layers = {"kind": "layers", "teacher": "teacher", "layers": [0]}
    made = values(output, model=layers, trim={"splits": ["few"]}) | {"baselines": []}
    made["data"]["splits"]["few"] = "validation[:4]"
    student = model_of(run(recipe_from_values(made, "here")), "student")
    assert student["parameters"] == student["trimmed"]["parameters"] < student["trimmed"]["parameters_before"]


@pytest.mark.parametrize(
    ("student", "losses", "message"),
    [
        ({"tokenizer": {"kind": "wordpiece"}}, {}, "a tokenizer that is trained on them has none: drop `trim`"),
        (
            {"tokenizer": {"kind": "pretrained", "id": "x/y"}, "model": {"kind": "config", "architecture": "bert"}},
            {},
            "has learnt nothing: drop",
        ),
        ({"trim": {"splits": ["trian"]}}, {}, r"student\.trim\.splits\[0\]: no split .*'trian'; did you mean 'train'"),
        ({"trim": {"splits": []}}, {}, r"student\.trim\.splits: expected 1 or more"),
        ({}, {"hidden_mse": {}}, r"student\.trim renumbers the student's tokens, but the losses \['hidden_mse'\]"),
    ],
    ids=["trained tokenizer", "config", "unknown split", "no split", "live loss"],
)
def test_what_cannot_be_trimmed_is_refused(
    student: dict[str, Any], losses: dict[str, Any], message: str, tmp_path: Path
) -> None:
    made = values(tmp_path, **{"model": {"kind": "folder", "path": "x"}, "trim": {}, **student})
    made["losses"] |= losses
    with pytest.raises(RecipeError, match=message):
        recipe_from_values(made, "here")
