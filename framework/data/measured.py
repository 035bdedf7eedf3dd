"""What is to be known of the split that models are measured on, beside those that they are trained on."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from distil.framework.data.example import Note, Noted
from distil.framework.data.records import shortened
from distil.framework.language.words import ENGLISH

if TYPE_CHECKING:
    from distil.framework.data.load import Split
    from distil.framework.tasks.base import Own

_NAMED = 10


@runtime_checkable
class NamesLabels(Protocol):
    """A task of which labels are names, or have such in them, that models learn from examples that have them."""

    def label_names(self, example: "Own") -> Collection[str]:
        """The names in an example's label; none of one that is unlabelled."""


def noting_what_is_learnt(split: "Split", learnt: "Mapping[str, Split]") -> "Split":
    """A split that models are measured on, with a note on its examples of which the texts stand in splits that they are trained on, by name."""
    known = {name: {example.texts for example in one.examples} for name, one in learnt.items()}
    standing = {
        example.id: [name for name, texts in known.items() if example.texts in texts]
        for example in split.examples
        if example.labelled
    }
    ids = tuple(id for id, found in standing.items() if found)
    if not ids:
        return split
    names = _quoted([name for name in learnt if any(name in found for found in standing.values())])
    note = Note(f"stand in {names}, too, on which models are trained: figures on them count what is remembered")
    return replace(split, notes={**split.notes, "learnt": Noted(note, ids)})


def noting_what_is_not_taught(split: "Split", trained: "Mapping[str, Split]", task: object) -> "Split":
    """A split that models are measured on, with a note on its examples that have labels which none of those has that models are trained on,
    by name. Nothing where these have no label at all, or the task's labels are no names."""
    if not isinstance(task, NamesLabels):
        return split
    taught = {name for one in trained.values() for example in one.examples for name in task.label_names(example)}
    new = {example.id: [name for name in task.label_names(example) if name not in taught] for example in split.examples}
    ids = tuple(id for id, names in new.items() if names)
    if not ids or not taught:
        return split
    names = list(dict.fromkeys(name for found in new.values() for name in found))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    note = Note(
        f"with labels that nothing in {_quoted(trained)} has, on which models are trained "
        f"({', '.join(map(shortened, names[:_NAMED]))}{more}): no label teaches them"
    )
    return replace(split, notes={**split.notes, "untaught": Noted(note, ids)})


def _quoted(names: Collection[str]) -> str:
    return ENGLISH.listed([f"'{name}'" for name in names])
