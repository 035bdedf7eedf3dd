"""Rounds in which a student writes itself, its teachers say how likely that is, and it goes on learning from what they say (on-policy
distillation: Agarwal et al., arXiv 2306.13649)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from distil.framework.data.load import Dataset, Joined
from distil.framework.generative.sampling import Sampling
from distil.framework.losses.live import Term
from distil.framework.recipe.sections import Rounds
from distil.framework.stages.evaluation import Measured, evaluation_stage
from distil.framework.stages.stage import Context, Stage
from distil.framework.stages.supervision import Supervision
from distil.framework.stages.training import student_spec, training_stage
from distil.framework.stages.written import Author, Prompts, Text, Written, prompts_of, writing_stage, written_by
from distil.framework.training.section import Training

_MOST_ROUNDS = 1000  # more than there can be: seeds of rounds are those of no other seed


@dataclass(frozen=True)
class Round:
    """One round. before: the evaluation of the student as it was; texts: what it writes; supervision: who says how likely that is, while the
    student is trained if `streamed`; trained: leaves its weights."""

    before: Stage
    texts: Written
    supervision: Supervision
    streamed: bool
    trained: Stage

    @property
    def stages(self) -> Iterator[Stage]:
        """Every stage, after those that it depends on."""
        yield self.before
        yield from self.texts.stages
        yield from () if self.streamed else self.supervision.asking
        yield self.trained
        yield from self.supervision.asking  # complete by now, if they are streamed


def rounds_of(
    context: Context,
    name: str,
    student: Stage,
    training: Training,
    settings: Rounds,
    data: Dataset,
    losses: Mapping[str, Term],
    taught_on: Callable[[Written], Supervision],
    live: Mapping[str, Stage],
    seed: int,
) -> Iterator[Round]:
    """The rounds of the student that a stage leaves, which was trained on `data` with `losses`. taught_on: by whom it is taught on texts,
    beside the data where these are learnt too; live: see student_spec."""
    prompts = prompts_of(context, settings.of)
    inference = context.inference(context.recipe.windows)
    rate = training.lr if settings.lr is None else settings.lr
    training = training.model_copy(update={"epochs": settings.epochs, "lr": rate})
    if not settings.with_data:  # nobody says that these texts are right
        losses = {loss: term for loss, term in losses.items() if term.source != "labels"}
    for number in range(1, settings.count + 1):
        before = Measured(f"{name} before round {number}", student, context.recipe.windows, {}, context.task.predictor)
        called = f"{name}, round {number}"
        author = Author(called, "student.rounds: the student", [student], {}, inference, context.task.predictor)
        sampling = Sampling(1, settings.temperature, _MOST_ROUNDS * seed + number)
        texts = _own_texts(context, author, prompts, sampling)
        supervision = taught_on(texts)
        learnt = Joined((data, texts)) if settings.with_data else texts
        spec = student_spec(context, learnt, losses, supervision, live, seed)
        student = training_stage(context, called, student, training, seed, spec)
        yield Round(evaluation_stage(context, before), texts, supervision, context.stream is not None, student)


def _own_texts(context: Context, author: Author, prompts: Prompts, sampling: Sampling) -> Written:
    """What the student writes, where it is cut off, too: how likely it was to end or go on is to be learnt."""
    writing = writing_stage(context, author, prompts, sampling)

    def texts() -> list[Text]:
        written = enumerate(written_by(context, writing))
        return [Text(number, text, author.name) for number, found in written for text, _ in found]

    nothing = f"{author.name}: the student writes nothing after any prompt: train it longer before its rounds (student.epochs)"
    return Written(author.name, (writing,), prompts, False, texts, len(prompts.examples), nothing)
