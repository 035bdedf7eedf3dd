"""Who is asked about what, once, and by whom students are taught."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from distil.framework.stages.live import token_teachers
from distil.framework.stages.signals import Collection, collection, held_out_stage
from distil.framework.stages.stage import Context
from distil.framework.stages.supervision import Supervision
from distil.framework.stages.written import Written
from distil.framework.teachers.base import only_writes

if TYPE_CHECKING:
    from distil.framework.stages.models import ModelStages


class Teaching:
    """Each teacher's signals on each split, and on texts that models write. of_splits: the former that somebody reads, by teacher and
    split; held_out: what has to be known of teachers first, by their name."""

    def __init__(self, context: Context, teachers: "Mapping[str, ModelStages]", first: frozenset[str]) -> None:
        """first: splits on which signals are read before any student is trained. Raises ModelError for a loss of tokens that no teacher
        shares with the student."""
        self._context, self._teachers, self._first = context, teachers, first
        self._of_tokens = token_teachers(context, {name: stages.tokenizer for name, stages in teachers.items()})
        self._of_texts: dict[tuple[str, str], Collection] = {}
        self.of_splits: dict[tuple[str, str], Collection] = {}
        recipe = context.recipe
        self.held_out = {
            name: held_out_stage(context, self._asked(name, recipe.held_out)) for name in recipe.calibrated
        }

    @property
    def of_texts(self) -> list[Collection]:
        """Signals on texts that models write."""
        return list(self._of_texts.values())

    def by(self, data: "Sequence[str | Written]", only: str | None, streamed: bool = False) -> Supervision:
        """Supervision on splits and texts by all teachers that say how likely texts are, or by one of them. streamed: whether texts, as
        splits are, are asked about while the student is trained, where the run streams."""
        recipe = self._context.recipe
        names = [name for name, teacher in recipe.teachers.items() if only in (None, name) and not only_writes(teacher)]
        return Supervision(
            {name: [self._asked(name, one, streamed) for one in data] for name in names},
            {name: stage for name, stage in self.held_out.items() if name in names},
            recipe.ensemble if only is None and len(names) > 1 else None,
        )

    def _asked(self, name: str, data: "str | Written", streamed: bool = False) -> Collection:
        """The signals of a teacher on a split, or on texts, of these `streamed` or not; those of teachers that it is shown come first."""
        context, others = self._context, self._context.recipe.teachers
        is_split = isinstance(data, str)
        made = self.of_splits if is_split else self._of_texts
        student = context.recipe.student
        learnt = (student.split, *student.unlabelled) if student is not None else ()
        place = (name, data if isinstance(data, str) else "".join(stage.digest for stage in data.stages))
        if place not in made:
            shown = (
                [other for other in others if not others[other].takes_proposals and not only_writes(others[other])]
                if others[name].takes_proposals
                else []
            )
            proposals = {other: self._asked(other, data, streamed) for other in shown}
            made[place] = collection(
                context,
                name,
                self._teachers[name].askable,
                data if isinstance(data, str) else data.name,
                context.data[data] if isinstance(data, str) else data,
                proposals,
                context.stream is not None and (data not in self._first if is_split else streamed),
                self._teachers[name].shown,
                name in self._of_tokens and (data in learnt if isinstance(data, str) else True),
            )
        return made[place]
