"""Questions in tests: what sources read, as rows and examples of extractive question answering."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from distil.framework.data import arrow_tables, local_files
from distil.framework.data.load import Split, load_data
from distil.framework.data.local_files import records_of
from distil.framework.data.records import Fields, Source
from distil.framework.data.section import Data
from distil.framework.progress import SILENT, Progress
from distil.framework.tasks.span_qa import records
from distil.framework.tasks.span_qa.data import FIELDS, QARow
from distil.framework.tasks.span_qa.records import question_rows
from distil.framework.tasks.span_qa.task import ExtractiveQA

STANDARD = Fields(FIELDS)


def fields(**given: str | None) -> Fields:
    """Other names of fields."""
    return STANDARD.renamed(**given)


def load(section: Data, progress: Progress = SILENT, unanswerable: bool = False) -> dict[str, Split]:
    """The splits of a data section."""
    return load_data(section, ExtractiveQA(unanswerable=unanswerable), progress)


def document_rows(document: Any, file: str, fields: Fields = STANDARD) -> list[QARow]:
    """The questions of a JSON document."""
    fields.begin()
    return list(question_rows(records_of(document, file), fields))


def parse_row(record: Any, place: str, fields: Fields = STANDARD) -> QARow:
    """The question of a record."""
    fields.begin()
    return records.parse_row(record, place, fields)


def read_file(path: Path, fields: Fields = STANDARD) -> list[QARow]:
    """The questions of a file."""
    fields.begin()
    return list(question_rows(local_files.read_file(path, fields, {}), fields))


def read_csv(path: Path, fields: Fields = STANDARD) -> list[QARow]:
    """The questions of a table in text form."""
    fields.begin()
    return list(question_rows(local_files.read_csv(path, fields), fields))


def read_parquet(path: Path, fields: Fields = STANDARD) -> list[QARow]:
    """The questions of a parquet file."""
    fields.begin()
    return list(question_rows(arrow_tables.read_parquet(path, fields), fields))


def read_arrow(path: Path, fields: Fields = STANDARD) -> list[QARow]:
    """The questions of an Arrow file."""
    fields.begin()
    return list(question_rows(arrow_tables.read_arrow(path, fields), fields))


def readers(source: Source) -> dict[str, Callable[[], list[QARow]]]:
    """A function for each split of a source that reads its questions."""
    STANDARD.begin()
    found = source.readers(SILENT, STANDARD, {})
    return {name: lambda read=read: list(question_rows(read(), STANDARD)) for name, read in found.items()}
