"""Texts that models write after prompts, as data: they are there once the stages are made that write them."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol
from unicodedata import normalize

from distil.framework.data.example import Notebook, described, fingerprint
from distil.framework.data.load import Split
from distil.framework.data.section import fold_of
from distil.framework.digest import MODELS, versions
from distil.framework.errors import DataError, UserError
from distil.framework.files import Json, read_json_lines
from distil.framework.generative.sampling import Sampling
from distil.framework.signals.source import in_chunks
from distil.framework.stages.stage import Context, Stage, key_of
from distil.framework.tasks.base import InferenceConfig, Own, Predictor
from distil.framework.tasks.facts import trained_settings

_WRITTEN = "written.jsonl"
_AT_ONCE = 64  # prompts whose completions are kept together: what a stop loses


@dataclass(frozen=True)
class Prompts:
    """What is completed. name: of the splits; examples: without completions; column: of each what its split's column says, if anything."""

    name: str
    examples: Sequence[Own]
    column: Sequence[str | None]

    @cached_property
    def digest(self) -> str:
        """Fingerprint of the examples."""
        return fingerprint(self.examples)


def prompts_of(context: Context, splits: Sequence[str]) -> Prompts:
    """The prompts of some splits. Raises DataError for a split that has none."""
    examples, column = [], []
    for name in splits:
        notebook, split = Notebook(context.task.notes), context.data[name]
        found = [context.task.prompt_of(one, notebook) for one in split.examples]
        if not any(found):
            lines = described(notebook.notes(), context.task.items)
            raise DataError(
                f"the split '{name}' has no prompts to be completed: {'; '.join(lines)}; name another split"
            )
        examples += [one for one in found if one is not None]
        column += [split.column.get(one.id) for one in found if one is not None]
    return Prompts(", ".join(splits), examples, column)


@dataclass(frozen=True)
class Text:
    """What follows the prompt of this number. by: who writes it; times: how often it is written."""

    number: int
    text: str
    by: str
    times: int = 1


@dataclass(frozen=True)
class Written:
    """See Dataset: the texts that `stages` leave, under the ids of their prompts, of which one may have several. labelled: whether they
    are to be learnt as they stand; texts: reads them; most: how many there may be; nothing: what to say where there are none."""

    name: str
    stages: tuple[Stage, ...]
    prompts: Prompts
    labelled: bool
    texts: Callable[[], Sequence[Text]]
    most: int
    nothing: str

    @property
    def identity(self) -> object:
        """See Dataset."""
        return [stage.key for stage in self.stages]

    @cached_property
    def known(self) -> Sequence[Text]:
        """The texts, in the order of their examples. Raises UserError where there are none."""
        found = self.texts()
        if not found:
            raise UserError(self.nothing)
        return found

    @cached_property
    def _split(self) -> Split:
        return Split(
            [
                replace(self.prompts.examples[one.number], completion=one.text, labelled=self.labelled)
                for one in self.known
            ]
        )

    def read(self) -> Split:
        """See Dataset."""
        return self._split

    def columned(self) -> Iterator[tuple[Own, str]]:
        """Examples of whose prompts a column of the data says something, and what."""
        for one, example in zip(self.known, self.read().examples, strict=True):
            value = self.prompts.column[one.number]
            if value is not None:
                yield example, value


class _Completion(Protocol):
    @property
    def text(self) -> str:
        """What follows a prompt."""

    @property
    def ended(self) -> bool:
        """Whether it was not cut off."""


class _Writer(Protocol):
    def write(self, examples: Sequence[Own], sampling: Sampling) -> Sequence[Sequence[_Completion]]:
        """Completions of each example."""


@dataclass(frozen=True)
class Author:
    """A model that writes. name: in titles; place: of the recipe, in errors; models: the stages that leave it, one a fold; own: settings
    of its kind; opens: the model in a folder."""

    name: str
    place: str
    models: Sequence[Stage]
    own: Json
    inference: InferenceConfig
    opens: Callable[[Path, InferenceConfig], Predictor]

    def writers(self, context: Context) -> list[_Writer]:
        """What writes, of each fold. Raises UserError for a model that cannot."""
        folders = (stage.result(context.store) / "model" for stage in self.models)
        return [writer_of(self.opens(folder, self.inference), self.place) for folder in folders]


def writer_of(predictor: Predictor, place: str) -> _Writer:
    """What writes with a loaded model. place: of the recipe. Raises UserError for a model that cannot."""
    writer: _Writer | None = getattr(predictor, "writer", None)
    if writer is None:
        raise UserError(
            f"{place} writes no completions, as its predictor has no `writer`: give it one, or take a teacher of kind generative"
        )
    return writer


def writing_stage(context: Context, author: Author, prompts: Prompts, sampling: Sampling) -> Stage:
    """Have a model write after prompts; kept in Unicode's composed form (NFC)."""
    title = f"have {author.name} write on '{prompts.name}'"

    def make(folder: Path) -> Json:
        path = folder / _WRITTEN
        done = len(_whole_lines(path))
        writers = author.writers(context)
        with path.open("a", encoding="utf-8") as file, context.progress.task(title, len(prompts.examples)) as bar:
            bar.advance(done)
            for part in in_chunks(prompts.examples[done:], _AT_ONCE):
                for texts in _texts(writers, part, sampling):
                    # Composed, as many tokenizers make each text before they read it: letter by letter a model may write it otherwise.
                    line = [{"text": normalize("NFC", one.text), "ended": one.ended} for one in texts]
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
                bar.advance(len(part))
        return {"prompts": len(prompts.examples)}

    inputs = {
        "models": [stage.key for stage in author.models],
        "own": author.own,
        "task": trained_settings(context.task),
        "generation": context.task.model_dump(mode="json").get("generation"),
        "prompts": prompts.digest,
        "windows": author.inference.windows.model_dump(),
        "sampling": asdict(sampling),
        "precision": context.precision,
    }
    return Stage(title, key_of(context, "completions", inputs, versions(3, MODELS, context.device)), make)


def written_by(context: Context, stage: Stage) -> list[list[tuple[str, bool]]]:
    """What a model has written after each prompt, and whether it has ended that. Blank texts are none."""
    lines = read_json_lines(stage.result(context.store) / _WRITTEN)
    return [[(one["text"], one["ended"]) for one in line if one["text"].strip()] for line in lines]


def _whole_lines(path: Path) -> list[Json]:
    """Lines that are there; a stop may have left part of one, which is cut off."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)
    return read_json_lines(path)


def _texts(writers: Sequence[_Writer], examples: Sequence[Own], sampling: Sampling) -> list[Sequence[_Completion]]:
    """What is written after each prompt: by the model of its fold."""
    folds = [fold_of(example, len(writers)) for example in examples]
    found: list[Sequence[_Completion]] = [[] for _ in examples]
    for fold in sorted(set(folds)):
        chosen = [number for number, one in enumerate(folds) if one == fold]
        written = writers[fold].write([examples[number] for number in chosen], sampling)
        for number, completions in zip(chosen, written, strict=True):
            found[number] = completions
    return found
