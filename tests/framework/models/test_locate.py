"""A tokenizer.json is refused before it is read where its parts are without measure, and read where they are as usual."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from distil.framework.errors import ModelError
from distil.framework.models.locate import check_tokenizer_file
from distil.framework.models.tokenizers import load_tokenizer
from tests.tokenizing import KINDS, tokenizer


def replace(pattern: dict[str, str], content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": pattern, "content": content}


def precompiled(*replacements: str) -> dict[str, Any]:
    table = (8).to_bytes(4, "little") + bytes(8) + b"".join(text.encode() + b"\0" for text in replacements)
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(table).decode()}


def sequence(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", "normalizers": list(steps)}


A, SPACES = {"String": "а"}, {"Regex": " {2,}"}
ENDLESS: dict[str, tuple[dict[str, Any], str]] = {
    "a pattern": ({"normalizer": replace({"String": "а" * 10_001}, "б")}, "normalizer.pattern.String has 10,001"),
    "a place for it": (
        {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "а" * 10_001}}},
        "pattern.Regex has 10,001",
    ),
    "what replaces": ({"normalizer": replace(A, "б" * 10_001)}, "normalizer.content has 10,001"),
    "forty doublings": ({"normalizer": sequence(*[replace(A, "аа")] * 40)}, "more than 10,000 characters of one"),
    "one thousand twice": (
        {"normalizer": sequence(*[replace(A, "а" * 1000)] * 2)},
        "more than 10,000 characters of one",
    ),
    "what comes before": (
        {"normalizer": sequence(*[{"type": "Prepend", "prepend": "а" * 200}] * 2)},
        "more than 10,000",
    ),
    "a pattern of nothing": ({"normalizer": replace({"Regex": ""}, "а" * 10_000)}, "more than 10,000"),
    "SentencePiece's table": ({"normalizer": precompiled("а", "б" * 6000)}, "more than 10,000"),
    "an added token": ({"added_tokens": [{"id": 150, "content": "а" * 10_001}]}, "added_tokens.content has 10,001"),
    "a vocabulary": (
        {"model": {"vocab": {f"{n:05}" * 2000: n for n in range(2001)}}},
        r"20,01\d,\d+ characters together",
    ),
    "no object": ([], "expected an object, found list"),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("case", ENDLESS)
def test_what_is_without_measure_is_refused_by_its_place(case: str, tmp_path: Path) -> None:
    changed, words = ENDLESS[case]
    tokenizer("wordpiece").save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed} if changed else changed))
    with pytest.raises(ModelError, match=words) as refused:
        load_tokenizer(tmp_path)
    assert str(path) in str(refused.value) or path.name in str(refused.value)


@pytest.mark.parametrize("kind", KINDS)
def test_usual_ones_are_read(kind: str, tmp_path: Path) -> None:
    tokenizer(kind).save_pretrained(tmp_path)
    check_tokenizer_file(tmp_path / "tokenizer.json")
    assert load_tokenizer(tmp_path)("Где?").input_ids == tokenizer(kind)("Где?").input_ids


def test_what_usual_normalisers_do_is_within_measure(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    usual = [{"type": "Prepend", "prepend": "▁"}, replace({"String": " "}, "▁"), replace({"String": "``"}, '"')]
    steps = sequence({"type": "NFKD"}, *usual, *[replace(SPACES, " ")] * 4, precompiled("а", "وسلم عليه الله صلى"))
    path.write_text(json.dumps({"normalizer": steps, "model": {"vocab": {"а": 0}, "merges": ["а б", ["а", "б"]]}}))
    check_tokenizer_file(path)


def test_a_file_that_was_in_order_is_looked_at_again_once_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    check_tokenizer_file(path)
    path.write_text(json.dumps({"normalizer": replace(A, "б" * 10_001)}))
    with pytest.raises(ModelError, match=r"normalizer\.content has 10,001"):
        check_tokenizer_file(path)
