"""Small stand-ins for the datasets that shipped recipes name, laid out as the hub's own cache.

Ids, file names and columns are those of the hub; the texts are generated.
"""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from distil.framework.data.section import Data
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.tagging.example import Tagged
from tests.hub_cache import Repository
from tests.questions import load

SBERQUAD = "kuznetsoffandrey/sberquad"
XQUAD = "google/xquad"
TYDIQA = "google-research-datasets/tydiqa"
ROWS = {"train": 48, "validation": 16, "test": 8}


def fill_datasets(home: Path) -> None:
    """Put the datasets alone into the cache of a Hugging Face home folder."""
    splits = _paragraphs()
    put_sberquad(home, splits)
    put_xquad(home, splits["test"])
    put_tydiqa(home, splits["test"])


def training_texts() -> list[str]:
    """The texts of SberQuAD's stand-in, from which tokenizers learn."""
    return [text for example in _paragraphs()["train"] for text in (example.context, example.question)]


def put_sberquad(home: Path, splits: dict[str, list[QAExample]]) -> None:
    """SberQuAD's columns and files. One training answer stands beside its place; the test answers are blank."""
    with Repository(home, "dataset", SBERQUAD) as files:
        files["README.md"] = _card("sberquad", "sberquad", list(splits))
        for number, (split, examples) in enumerate(splits.items()):
            rows = [_row(1000 * number + place, example, split) for place, example in enumerate(examples)]
            if split == "train":
                rows[0]["answers"]["answer_start"] = [rows[0]["answers"]["answer_start"][0] + 1]
            files[f"sberquad/{split}-00000-of-00001.parquet"] = _parquet(rows)


def put_xquad(home: Path, examples: list[QAExample]) -> None:
    """XQuAD's columns and files, of its Russian part alone."""
    with Repository(home, "dataset", XQUAD) as files:
        files["README.md"] = _card("xquad.ru", "xquad.ru", ["validation"])
        rows = [_row(f"{place:024x}", example, "validation") for place, example in enumerate(examples)]
        files["xquad.ru/validation-00000-of-00001.parquet"] = _parquet(rows, title=False)


def put_tydiqa(home: Path, examples: list[QAExample]) -> None:
    """TyDi QA's columns and files, of its questions with a gold passage; every second one is Russian."""
    with Repository(home, "dataset", TYDIQA) as files:
        files["README.md"] = _card("secondary_task", "secondary_task", ["train", "validation"])
        for split in ("train", "validation"):
            ids = [f"{('russian', 'finnish')[place % 2]}-{place:019}-{split}" for place in range(len(examples))]
            rows = [_row(id, example, split) for id, example in zip(ids, examples, strict=True)]
            files[f"secondary_task/{split}-00000-of-00001.parquet"] = _parquet(rows)


def put_rucola(home: Path, texts: Sequence[str]) -> None:
    """RuCoLA's files and columns, beside others of which nobody could tell by their names which split they are."""
    header = "id,sentence,acceptable,error_type,detailed_source"
    rows = [f'{number},"{text}",{number % 2},0,Paraphrase' for number, text in enumerate(texts)]
    half = len(rows) // 2
    with Repository(home, "dataset", "RussianNLP/rucola") as files:
        for name, part in {"in_domain_train": rows[:half], "in_domain_dev": rows[half:], "dev": rows}.items():
            files[f"data/{name}.csv"] = "\n".join([header, *part, ""]).encode()


def put_banking77(home: Path, texts: Sequence[str], labels: Sequence[str]) -> None:
    """BANKING77 as JSON lines, with the numbers and the names of its labels."""
    names = sorted(set(labels))
    rows = [
        json.dumps({"text": text, "label": names.index(label), "label_text": label}, ensure_ascii=False)
        for text, label in zip(texts, labels, strict=True)
    ]
    half = len(rows) // 2
    with Repository(home, "dataset", "mteb/banking77") as files:
        for name, part in {"train": rows[:half], "test": rows[half:]}.items():
            files[f"{name}.jsonl"] = "\n".join([*part, ""]).encode()


def put_mnli(home: Path, texts: Sequence[str]) -> None:
    """MNLI's columns and files in GLUE; the test part has no labels."""
    splits = ["train", "validation_matched", "validation_mismatched", "test_matched"]
    with Repository(home, "dataset", "nyu-mll/glue") as files:
        files["README.md"] = _card("mnli", "mnli", splits)
        for split in splits:
            rows = [
                {
                    "premise": text,
                    "hypothesis": texts[-1 - number],
                    "label": -1 if split.startswith("test") else number % 3,
                    "idx": number,
                }
                for number, text in enumerate(texts)
            ]
            files[f"mnli/{split}-00000-of-00001.parquet"] = _plain_parquet(rows)


def put_conll2003(home: Path, examples: Sequence[Tagged]) -> None:
    """CoNLL-2003's columns and files, whose tags are numbers."""
    names = [f"{letter}-{type}" for type in ("PER", "ORG", "LOC", "MISC") for letter in "BI"]
    rows = [
        {"id": one.id, "tokens": _words(one), "pos_tags": [0] * len(one.units), "ner_tags": _numbers(one, names)}
        for one in examples
    ]
    with Repository(home, "dataset", "lhoestq/conll2003") as files:
        for split in ("train", "validation", "test"):
            files[f"data/{split}-00000-of-00001.parquet"] = _plain_parquet(rows)


def put_collection3(home: Path, examples: Sequence[Tagged]) -> None:
    """Collection 3's columns and files."""
    names = [f"{letter}-{type}" for type in ("PER", "ORG", "LOC") for letter in "BI"]
    rows = [{"id": one.id, "tokens": _words(one), "ner_tags": _numbers(one, names)} for one in examples]
    with Repository(home, "dataset", "RCC-MSU/collection3") as files:
        for split in ("train", "validation", "test"):
            files[f"data/{split}-00000-of-00001.parquet"] = _plain_parquet(rows)


def put_gsm8k(home: Path, count: int) -> None:
    """GSM8K's columns and files: a question, and a solution whose last line is the number behind a mark."""
    rows = [
        {
            "question": f"{number} and {number % 7}?",
            "answer": f"It is {number + number % 7}.\n#### {number + number % 7}",
        }
        for number in range(count)
    ]
    with Repository(home, "dataset", "openai/gsm8k") as files:
        files["README.md"] = _card("main", "main", ["train", "test"])
        for split in ("train", "test"):
            files[f"main/{split}-00000-of-00001.parquet"] = _plain_parquet(rows)


def put_squad(home: Path) -> None:
    """SQuAD's columns and files."""
    examples = _paragraphs()["validation"]
    with Repository(home, "dataset", "rajpurkar/squad") as files:
        files["README.md"] = _card("plain_text", "plain_text", ["train", "validation"])
        for split in ("train", "validation"):
            rows = [_row(f"{place:024x}", example, split) for place, example in enumerate(examples)]
            files[f"plain_text/{split}-00000-of-00001.parquet"] = _parquet(rows)


def _words(example: Tagged) -> list[str]:
    return [example.text[begin:end] for begin, end in example.units]


def _numbers(example: Tagged, names: list[str]) -> list[int]:
    """Of those tags that the dataset has; 0 is outside of entities."""
    return [names.index(tag) + 1 if tag in names else 0 for tag in example.tags or ()]


def _plain_parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return bytes(buffer.getvalue())


@cache
def _paragraphs() -> dict[str, list[QAExample]]:
    """Generated questions; every fourth is about a paragraph that needs several windows of 384 tokens."""
    short = _generate({"persons": 1, "facts": 4}, {split: rows * 3 // 4 for split, rows in ROWS.items()})
    long = _generate({"persons": 4, "facts": 10, "fillers": 3}, {split: rows // 4 for split, rows in ROWS.items()})
    return {split: short[split] + long[split] for split in ROWS}


def _generate(difficulty: dict[str, int], rows: dict[str, int]) -> dict[str, list[QAExample]]:
    section = {"source": {"kind": "synthetic", "examples": rows, **difficulty}, "splits": {name: name for name in rows}}
    return {name: split.examples for name, split in load(Data.model_validate(section)).items()}


def _card(config: str, folder: str, splits: list[str]) -> bytes:
    """A dataset's card that names the files of its only configuration."""
    files = "".join(f"  - split: {split}\n    path: {folder}/{split}-*\n" for split in splits)
    info = f"dataset_info:\n  config_name: {config}\n"
    return f"---\n{info}configs:\n- config_name: {config}\n  data_files:\n{files}  default: true\n---\n".encode()


def _row(id: int | str, example: QAExample, split: str) -> dict[str, Any]:
    answers = [(answer.text, answer.start) for answer in example.answers or ()] if split != "test" else [("", -1)]
    texts, starts = zip(*answers, strict=True)
    return {
        "id": id,
        "title": "SberChallenge",
        "context": example.context,
        "question": example.question,
        "answers": {"text": list(texts), "answer_start": list(starts)},
    }


def _parquet(rows: list[dict[str, Any]], title: bool = True) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    answers = pa.struct({"text": pa.list_(pa.string()), "answer_start": pa.list_(pa.int32())})
    texts = {name: pa.string() for name in (*(["title"] if title else []), "context", "question")}
    id = pa.int32() if isinstance(rows[0]["id"], int) else pa.string()
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, pa.schema({"id": id, **texts, "answers": answers})), buffer)
    return bytes(buffer.getvalue())
