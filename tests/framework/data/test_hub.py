import errno
from pathlib import Path

import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from distil.framework.data.hub import Hub, hub_files, hub_languages, readable, wanted_files
from distil.framework.data.section import Data
from distil.framework.errors import DataError, RecipeError
from distil.framework.models.locate import locate
from distil.framework.models.section import HubModel
from tests.questions import load, readers

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CARD = """---
configs:
- config_name: sberquad
  default: true
  data_files:
  - split: train
    path: sberquad/train-*
  - split: validation
    path: sberquad/validation-*
---
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache, with the hub out of reach."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def put(
    cache: Path, id: str, card: str | None = CARD, parts: tuple[str, ...] = ("train-0", "train-1", "validation-0")
) -> Path:
    """A dataset in the layout of the hub's cache: names that link to blobs."""
    folder = cache / f"datasets--{id.replace('/', '--')}"
    snapshot = folder / "snapshots" / COMMIT
    for part in (folder / "refs", folder / "blobs", snapshot / "sberquad"):
        part.mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    if card is not None:
        (snapshot / "README.md").write_text(card)
    for number, part_name in enumerate(parts):
        row = {
            "id": number,
            "title": "",
            "context": f"Текст {part_name}",
            "question": "Что?",
            "answers": {"text": ["Текст"], "answer_start": [0]},
        }
        blob = folder / "blobs" / f"{number:064x}"
        pq.write_table(pa.Table.from_pylist([row]), blob)
        (snapshot / "sberquad" / f"{part_name}.parquet").symlink_to(blob)
    return snapshot


@pytest.mark.parametrize(
    ("card", "languages"),
    [("language: ru\n", ["ru"]), ("language: [ru, en]\n", ["ru", "en"]), ("license: mit\n", []), (None, [])],
)
def test_languages_are_those_of_the_card(cache: Path, card: str | None, languages: list[str]) -> None:
    put(cache, "someone/data", card and f"---\n{card}---\n")
    assert hub_languages("someone/data") == languages


def test_a_cached_dataset_is_read_without_the_hub(cache: Path) -> None:
    put(cache, "somebody/quad")
    before = sorted(cache.rglob("*"))
    found = readers(Hub(id="somebody/quad"))
    assert list(found) == ["train", "validation"]
    assert [row.context for row in found["train"]()] == ["Текст train-0", "Текст train-1"]
    assert [row.id for row in found["validation"]()] == ["2"]
    assert sorted(cache.rglob("*")) == before


def test_files_may_be_named_where_nothing_says_which_split_they_are(cache: Path) -> None:
    put(cache, "somebody/quad", card=None)
    first, second = (f"sberquad/train-{number}.parquet" for number in (0, 1))
    found = readers(Hub(id="somebody/quad", files={"one": first, "other": second}))
    assert {split: [row.id for row in read()] for split, read in found.items()} == {"one": ["0"], "other": ["1"]}
    with pytest.raises(DataError, match=r"has no file 'train\.csv'"):
        readers(Hub(id="somebody/quad", files={"one": "train.csv"}))
    with pytest.raises(RecipeError, match="`files` names the files that a `config` would"):
        Hub(id="somebody/quad", config="ru", files={"one": first})


def test_questions_are_chosen_by_the_beginning_of_their_ids(cache: Path) -> None:
    put(cache, "somebody/quad")
    source = Hub(id="somebody/quad", id_prefix="1")
    assert [example.id for example in load(Data(source=source, splits={"train": "train"}))["train"].examples] == ["1"]
    with pytest.raises(DataError, match="begins with 'russian-'; they are like '2'"):
        load(Data(source=source.model_copy(update={"id_prefix": "russian-"}), splits={"dev": "validation"}))


def test_of_a_configuration_only_its_files_are_wanted(cache: Path) -> None:
    folder = put(cache, "somebody/quad")
    every = readable((".conll",))
    assert {"*.parquet", "*.jsonl", "*.json", "*.csv", "*.tsv.gz", "*.conll", "*.conll.gz", "README.md"} < set(every)
    assert wanted_files(folder, "other", every) == every
    assert wanted_files(folder, "sberquad", every) == [
        "README.md",
        "sberquad/train-*",
        "sberquad/validation-*",
    ]
    (folder / "README.md").write_text("---\nconfigs: [nothing]\n---\n")
    assert wanted_files(folder, "sberquad", every) == every
    (folder / "README.md").unlink()
    assert wanted_files(folder, "sberquad", every) == every


def test_a_dataset_without_a_card_is_sorted_by_file_names(cache: Path) -> None:
    put(cache, "somebody/quad", card=None)
    assert set(readers(Hub(id="somebody/quad"))) == {"train", "validation"}


def test_a_dataset_that_is_not_here_says_how_to_bring_it(cache: Path) -> None:
    with pytest.raises(DataError, match="hf download --repo-type dataset no/such`") as caught:
        readers(Hub(id="no/such"))
    assert str(cache) in str(caught.value)


def test_a_revision_that_is_not_here(cache: Path) -> None:
    put(cache, "somebody/quad")
    with pytest.raises(DataError, match=r"somebody/quad \(v2\).*--revision v2`"):
        readers(Hub(id="somebody/quad", revision="v2"))


def test_a_copy_without_data_files(cache: Path) -> None:
    put(cache, "somebody/quad", card=None, parts=())
    with pytest.raises(DataError, match=r"somebody/quad.*hf download"):
        readers(Hub(id="somebody/quad"))


def test_an_unknown_configuration_and_a_bad_id(cache: Path) -> None:
    put(cache, "somebody/quad")
    with pytest.raises(DataError, match="sberquad"):
        readers(Hub(id="somebody/quad", config="other"))
    with pytest.raises(DataError, match="expected owner/name"):
        readers(Hub(id="a/b/c"))


def test_a_full_disk_is_not_the_hubs_fault(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fill)
    for bring in (lambda: hub_files("someone/questions"), lambda: locate(HubModel(id="someone/model"))):
        with pytest.raises(OSError, match="No space left"):
            bring()
