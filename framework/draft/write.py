"""A recipe with comments, which fits what a file shows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from distil.framework.data.load import Split, load_data
from distil.framework.data.local_files import Files
from distil.framework.data.section import Data
from distil.framework.draft.columns import Meaning, meaning_of
from distil.framework.draft.facts import Facts, facts_of
from distil.framework.draft.table import choices_of_texts, measured_beside, read_table
from distil.framework.draft.writers import parts_of_texts
from distil.framework.errors import DataError
from distil.framework.language.words import count_of
from distil.framework.recipe.checks import recipe_of
from distil.framework.recipe.yaml_loader import document, flow
from distil.framework.tasks.registry import TASKS

_DEV = 0.1
_FEW = 100  # examples, of which a tenth may be none
_SHOWN = 8  # labels whose numbers a comment names
_LANGUAGES = {
    "ru": "Russian",
    "en": "English",
    "other": "no language of which distil knows a model of its own, or several",
}


@dataclass(frozen=True)
class _Teacher:
    name: str
    id: str
    options: str
    comment: tuple[str, ...]


_TEACHERS = {
    "ru": _Teacher(
        "rubert",
        "ai-forever/ruBert-base",
        ", pickled_weights: tensors_only}\n    tokenizer: {kind: pretrained, lower_case: false",
        (
            "ruBERT, 178M parameters, 12 layers. The hub has it without safetensors: of its pytorch_model.bin tensors alone are read.",
            "It tells capitals from small letters, which no file of it says.",
        ),
    ),
    "en": _Teacher("bert", "google-bert/bert-base-cased", "", ("BERT, 108M parameters, 12 layers.",)),
    "other": _Teacher(
        "mbert",
        "google-bert/bert-base-multilingual-cased",
        "",
        ("BERT of 104 languages, 178M parameters, 12 layers.",),
    ),
}


@dataclass(frozen=True)
class Draft:
    """A recipe as text, the task that it is for, and what was seen, in a line each."""

    text: str
    kind: str
    seen: list[str]


def draft_recipe(path: Path, kind: str | None, given: Mapping[str, str]) -> Draft:
    """A recipe for the task of this kind on a file, by default for that which its columns look like; given: names of columns that are
    known. Raises DataError where the file does not fit, RecipeError where what was made of it is not legal.
    """
    table = read_table(path)
    choices = choices_of_texts(table, kind)
    meaning = meaning_of(table, kind, given)
    meaning = replace(meaning, said=[*meaning.said, *choices])
    dev = measured_beside(path)
    files = str(path) if dev is None else {"train": str(path), "dev": str(dev)}
    meaning, splits = _read(path, files, meaning)
    facts = facts_of([example for split in splits.values() for example in split.examples])
    counts = {name: len(split.examples) for name, split in splits.items()}
    seen = _seen(meaning, facts, counts)
    text = _text(path, files, meaning, facts, seen, _parts(meaning, facts, splits))
    recipe = recipe_of(document(text)[1], lambda place: f"the recipe for {path}")
    if facts.examples < _FEW:
        load_data(recipe.data, recipe.task)  # which refuses a cut that leaves nothing
    return Draft(text, str(meaning.task["kind"]), seen)


def _read(path: Path, files: str | dict[str, str], meaning: Meaning) -> tuple[Meaning, dict[str, Split]]:
    """The examples, with questions that have no answer if there are any. Raises DataError."""
    task = next(task for task in TASKS if task().kind == meaning.task["kind"])
    source = Files(path=files, fields=dict(meaning.fields))
    names = {"train": "train"} if isinstance(files, str) else {"train": "train", "dev": "dev"}
    data = Data(source=source, splits=names)
    if "unanswerable" in task.model_fields:
        open_ended = load_data(data, task(**meaning.task, unanswerable=True))
        if any(example.answers == () for split in open_ended.values() for example in split.examples):
            return Meaning({**meaning.task, "unanswerable": True}, meaning.fields, meaning.said), open_ended
    splits = load_data(data, task(**meaning.task))
    try:
        task(**meaning.task).fitted({name: split.examples for name, split in splits.items()})
    except DataError as error:  # a single label, say
        raise DataError(
            f"{path}: {error}; another column is named by --field NAME=COLUMN, another task by --task"
        ) from None
    return meaning, splits


def _seen(meaning: Meaning, facts: Facts, counts: Mapping[str, int]) -> list[str]:
    """What the file shows, in a line each."""
    sizes = " and ".join(
        f"{count:,} to {'train on' if name == 'train' else 'measure on'}" for name, count in counts.items()
    )
    told = [count_of(facts.examples, "example") + (f": {sizes}" if len(counts) > 1 else "")]
    told.append(f"language: {_LANGUAGES[facts.language]}")
    told.append(
        f"length: {count_of(facts.characters[0], 'character')} (median), {facts.characters[1]} or fewer for 99 of 100"
    )
    told += list(meaning.said)
    if facts.labels:
        shown = [f"{_one_line(label)} {count:,}" for label, count in list(facts.labels.items())[:_SHOWN]]
        more = f" and {len(facts.labels) - _SHOWN} more" if len(facts.labels) > _SHOWN else ""
        what = "type" if meaning.task["kind"] == "tagging" else "label"
        told.append(f"{count_of(len(facts.labels), what)}, and how often each occurs: {', '.join(shown)}{more}")
    if facts.unanswered:
        told.append(f"questions without an answer: {_share(facts.unanswered)}")
    if facts.unlabelled:
        told.append(
            f"without a label: {_share(facts.unlabelled)}, from which nothing is learnt but what the teacher thinks of them"
        )
    return told


def _text(
    path: Path, files: str | dict[str, str], meaning: Meaning, facts: Facts, seen: list[str], parts: list[str]
) -> str:
    fields = f", fields: {flow(dict(meaning.fields))}" if meaning.fields else ""
    lines = [
        f"# A first recipe for {path}, in which `distil init` saw:",
        *(f"#   {_one_line(line)}" for line in seen),
        "#",
        "#   distil plan RECIPE       what would be done, and what it takes",
        "#   distil rehearse RECIPE   the same tried out on this machine: time, memory, disk",
        "#   distil run RECIPE        from data to results",
        "#",
        "# docs/recipes.md has every option; all that is not said here has a default there.",
        f"name: {flow(recipe_name(path))}",
        "data:",
        f"  source: {{kind: files, path: {flow(files)}{fields}}}",
        *_splits(files),
        *parts,
        "# The same student without a teacher, by which one sees what the teacher was worth.",
        "baselines: [no_distillation]",
    ]
    return "\n".join(lines) + "\n"


def _parts(meaning: Meaning, facts: Facts, splits: Mapping[str, Split]) -> list[str]:
    """Lines from the task to the losses."""
    if meaning.task["kind"] == "text":
        return parts_of_texts(facts, [example for split in splits.values() for example in split.examples])
    teacher, kind = _TEACHERS[facts.language], str(meaning.task["kind"])
    task = dict(meaning.task)
    if facts.uneven and kind == "classification":
        task["class_weights"] = "balanced"
    layers = [0, 5, 11] if kind == "classification" else [0, 2, 4, 6, 8, 10]
    epochs = facts.epochs(5, 3, 2)
    return [
        *_task(task, facts),
        *_windows(task, facts),
        "teachers:",
        *(f"  # {line}" for line in teacher.comment),
        f"  {teacher.name}:",
        "    kind: encoder",
        f"    model: {{kind: hub, id: {teacher.id}{teacher.options}}}",
        f"    fine_tune: {{lr: 3e-5, epochs: {epochs}, batch_size: 16}}",
        "student:",
        f"  # {len(layers)} of the teacher's 12 layers, with its embeddings: a fair start, and one tokenizer for both. A smaller model of",
        "  # the hub does as well: model: {kind: hub, id: OWNER/NAME}.",
        f"  model: {{kind: layers, teacher: {teacher.name}, layers: {flow(layers)}}}",
        "  lr: 5e-5",
        f"  epochs: {2 * epochs}",
        "  batch_size: 16",
        "losses:",
        "  # Half of what the student learns comes from the teacher, whose say is softened by the temperature, half from the labels.",
        "  kl: {weight: 0.5, temperature: 2.0}",
        "  hard_label: {weight: 0.5}",
    ]


def _splits(files: str | dict[str, str]) -> list[str]:
    if isinstance(files, dict):
        return ["  # What is measured on is never trained on.", "  splits: {train: train, dev: dev}"]
    shares = {"train": round(1 - _DEV, 2), "dev": _DEV}
    return [
        f"  # {_DEV:.0%} are kept apart, to measure on; examples of one text go to the same side.",
        f"  cut: {{split: train, shares: {flow(shares)}}}",
    ]


def _task(task: Mapping[str, object], facts: Facts) -> list[str]:
    said = []
    if "class_weights" in task:
        said.append("# Rare labels weigh more, as some are five times as frequent as others.")
    if task.get("unanswerable"):
        said.append("# Questions without an answer are part of the task, as in SQuAD 2.0.")
    return [*said, f"task: {flow(dict(task))}"]


def _windows(task: dict[str, object], facts: Facts) -> list[str]:
    """Windows into which examples fit; longer ones are cut, or read in several windows."""
    length = facts.max_length
    fits = facts.tokens <= length
    overlap = {"doc_stride": length // 4}
    if task["kind"] == "classification":
        said = [] if fits else ["# Longer texts are cut; task.long_texts: pool reads them in windows that overlap."]
        return [*said, f"windows: {flow({'max_length': length})}"]
    said = [] if fits else ["# Longer texts are read in windows that overlap."]
    question = {"max_question": length // 4} if task["kind"] == "extractive_qa" and length < 256 else {}
    return [*said, f"windows: {flow({'max_length': length, **overlap, **question})}"]


def recipe_name(path: Path) -> str:
    """A recipe's name that is like the file's."""
    stem = path.name.partition(".")[0]
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_")
    return (plain or "my-student")[:80]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _share(share: float) -> str:
    """In percent, of which a few are not none."""
    return f"{share:.0%}" if share >= 0.005 else "less than 1%"
