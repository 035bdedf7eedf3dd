"""What decides about texts as tokens is in the digests: chat templates of folders, how texts and vocabularies are cut into units."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub.utils import filter_repo_objects
from transformers import AutoConfig, AutoModelForSeq2SeqLM, ByT5Tokenizer

from distil.framework.data.features import WindowSettings
from distil.framework.data.load import Split
from distil.framework.data.window_cache import split_features
from distil.framework.digest import digest_of
from distil.framework.errors import ModelError
from distil.framework.models.locate import SMALL_FILES
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare
from distil.framework.tasks.text import units
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.task import Text
from distil.framework.tasks.text.token_bytes import token_bytes
from tests.framework.tasks.text.runs import values
from tests.framework.tasks.text.writers import tokenizer_of, writer

_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}{{ 'says: ' }}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model that may be a teacher as it is."""
    made, tokenizer = writer("gpt2").model, tokenizer_of("gpt2")
    tokenizer.chat_template = _TEMPLATE
    made.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def _digests(output: Path, folder: Path) -> dict[str, str]:
    teacher = {"kind": "generative", "model": {"kind": "folder", "path": str(folder)}}
    changed = values(output, teachers={"a": teacher}, ensemble=None, baselines=["no_distillation"])
    _, graph = prepare(recipe_from_values(changed, "here"))
    return {stage.title: stage.digest for stage in graph.stages()}


def _in_a_file(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text(_TEMPLATE + "!", encoding="utf-8")


def _in_the_settings(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"chat_template": "?"}), encoding="utf-8")


@pytest.mark.parametrize("change", [_in_a_file, _in_the_settings])
def test_another_chat_template_is_another_teacher(folder: Path, change: Callable[[Path], None], tmp_path: Path) -> None:
    before = _digests(tmp_path, folder)
    assert _digests(tmp_path, folder) == before
    change(folder)
    after = _digests(tmp_path, folder)
    changed = {title for title, digest in before.items() if after[title] != digest}
    assert {"prepare a", "collect signals of a on 'train'", "train student", "evaluate student"} <= changed
    assert "train student_no_distillation" not in changed


def test_a_template_that_stands_in_a_file_of_its_own_comes_from_the_hub() -> None:
    files = ["config.json", "chat_template.jinja", "model.safetensors", "modeling.py"]
    assert list(filter_repo_objects(files, allow_patterns=SMALL_FILES)) == ["config.json", "chat_template.jinja"]


def test_rows_are_read_anew_by_another_template_or_end() -> None:
    tokenizer, task = tokenizer_of("gpt2"), Text(as_chat=True)
    split, settings = Split([Written("1", "The fox?", " quick")]), WindowSettings(max_length=64)

    def ids() -> Any:
        return split_features(task, split, tokenizer, settings).input_ids.tolist()

    plain = ids()
    tokenizer.chat_template = _TEMPLATE
    spoken = ids()
    tokenizer.eos_token = "q"
    assert len({tuple(found) for found in (plain, spoken, ids())}) == 3


def test_units_and_vocabularies_are_cut_as_their_version_says() -> None:
    """Where this fails, stored signals mean something else: raise units.VERSION, then put the digest here."""
    text = "It's 42\u00a0°C… isn’t it?\n\tПётр — हिन्दी, 日本 ½x🙂\u0306  end "
    cut = units.units_of(text)
    tables = [token_bytes(tokenizer_of(kind), [0]) for kind in ("gpt2", "llama")]
    columns = [cut.bounds, cut.classes, *(column for one in tables for column in (one.rows, one.first, one.classes))]
    assert (units.VERSION, digest_of([np.asarray(column).tolist() for column in columns])) == (4, "ed4772d3c8cf97f2")


def test_a_version_of_its_own_is_in_the_digests_of_signals(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _digests(tmp_path, folder)
    monkeypatch.setattr(Text, "signals_version", units.VERSION + 1)
    after = _digests(tmp_path, folder)
    changed = {title for title, digest in before.items() if after[title] != digest}
    assert {"collect signals of a on 'train'", "train student", "evaluate student"} <= changed
    assert not {"prepare a", "evaluate a", "train student_no_distillation"} & changed


def test_a_tokenizer_of_bytes_that_is_no_fast_one_is_refused(tmp_path: Path) -> None:
    """ByT5's."""
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2, "decoder_start_token_id": 0}
    config = AutoConfig.for_model("t5", vocab_size=384, **sizes)
    AutoModelForSeq2SeqLM.from_config(config).save_pretrained(tmp_path / "byt5")
    ByT5Tokenizer().save_pretrained(tmp_path / "byt5")
    teacher = {"kind": "generative", "model": {"kind": "folder", "path": str(tmp_path / "byt5")}}
    recipe = recipe_from_values(values(tmp_path, teachers={"a": teacher}, ensemble=None, baselines=[]), "here")
    with pytest.raises(ModelError, match=r"ByT5Tokenizer in .* is a slow one: .*use a model with a fast tokenizer"):
        prepare(recipe)
