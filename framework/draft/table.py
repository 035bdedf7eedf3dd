"""A data file as it is, before anybody has said what its columns mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from distil.framework.data.arrow_tables import saved_splits
from distil.framework.data.local_files import read_file
from distil.framework.data.records import Fields, annotated_by, is_label_studio, is_missing, is_region, listed
from distil.framework.errors import DataError
from distil.framework.tasks.registry import TASKS

_LOOKED_AT = 5000  # records: enough to tell what a column holds
_MEASURING = ("dev", "validation", "valid", "val", "test")  # how files that are measured on are called, the usual first
Values = Mapping[str, object]


@dataclass(frozen=True)
class Table:
    """The first records of a file. columns: by name, what the records have there, missing values left out; form: `tagged_lines` for
    CoNLL's, `paragraphs` for SQuAD's, `annotated` for Label Studio's, else `rows`."""

    path: Path
    rows: Sequence[Values]
    form: str
    columns: Mapping[str, Sequence[object]] = field(default_factory=dict)

    def texts(self, column: str) -> list[str]:
        """What is text in a column, blank ones left out."""
        return [value for value in self.columns[column] if isinstance(value, str) and value.strip()]


def read_table(path: Path) -> Table:
    """The first records of the file. Raises DataError for one that cannot be read, is empty or holds no records."""
    splits = saved_splits(path) if path.is_dir() else None
    if splits:
        path = path / ("train" if "train" in splits else splits[0])
    formats = {extension: read for task in TASKS for extension, read in task().formats.items()}
    records = list(islice(read_file(path, _Every(()), formats), _LOOKED_AT))
    rows = [record.values for record in records if isinstance(record.values, dict)]
    if not rows:
        found = "holds records that are no objects" if records else "holds no records"
        raise DataError(f"{path} {found}; expected rows with texts and labels, as docs/recipes.md describes them")
    form = _form(path, rows[0], list(formats))
    problem = _no_rows(path, rows, form)
    if problem:
        raise DataError(f"{path} {problem}")
    columns: dict[str, list[object]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(str(name), []).append(value)
    known = {name: [one for one in values if not is_missing(one) and one != ""] for name, values in columns.items()}
    return Table(path, rows, form, known)


def _form(path: Path, first: Values, formats: Sequence[str]) -> str:
    if any(extension in path.name.lower() for extension in formats):
        return "tagged_lines"
    if "paragraphs" in first or "qas" in first:
        return "paragraphs"
    return "annotated" if is_label_studio(first) else "rows"


def _no_rows(path: Path, rows: Sequence[Values], form: str) -> str:
    """Why a single record is none, but all of them in another form; blank otherwise."""
    if len(rows) > 1:
        return ""
    if form == "tagged_lines":
        return f"holds one sentence: a blank line stands between two; a table of texts is called {path.stem}.tsv or {path.stem}.csv"
    lists = [len(value) if isinstance(value, list) else 0 for value in rows[0].values()]
    if form == "rows" and len(lists) > 1 and len(set(lists)) == 1 and lists[0] > 1:
        return "holds columns instead of rows: write a list of objects, with pandas df.to_json(path, orient='records')"
    return ""


class _Every(Fields):
    """Reads all columns, whatever they are called; cells of tables may hold lists."""

    def columns(self, there: list[str], place: str) -> list[str]:
        """See Fields."""
        twice = next((name for name in there if there.count(name) > 1), None)
        if twice is not None:
            raise DataError(f"{place}: two columns are called '{twice}'; rename or drop one")
        self.table[:] = there
        return there

    def structured(self) -> set[str]:
        """See Fields."""
        return set(self.table)


def choices_of_texts(table: Table, kind: str | None) -> list[str]:
    """What is to be said of choices in an export of Label Studio beside what is marked in its texts, a line. Raises DataError where there is
    nothing else, or where a classifier (`kind`) would learn them: that export does not hold them as a column."""
    if table.form != "annotated":
        return []
    regions = [one for row in table.rows for one in annotated_by(row)]
    marked = any(is_region(value) for _, value in regions)
    chosen = sorted({name for name, value in regions if "choices" in value and not is_region(value)})
    if not chosen:
        return []
    how = f"export them as JSON-MIN or CSV, where they are a column, {chosen[0]} say, that --field label={chosen[0]} names"
    if not marked or kind == "classification":
        raise DataError(
            f"{table.path} is a JSON export of Label Studio with choices ({listed(chosen)}), which label whole texts: {how}"
        )
    return [
        f"regions that are marked in the texts, which are learnt, and choices ({listed(chosen)}), which are not: {how}"
    ]


def measured_beside(path: Path) -> Path | None:
    """The file to measure on that lies beside one to train on: dev.csv beside train.csv, say."""
    if "train" not in path.name.lower():
        return None
    at = path.name.lower().index("train")
    there = (path.with_name(path.name[:at] + name + path.name[at + len("train") :]) for name in _MEASURING)
    return next((file for file in there if file.exists()), None)
