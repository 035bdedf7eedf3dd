"""What language models behind servers will be asked, and about what that costs; nothing is sent."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from distil.framework.chat.budget import beyond, cost_of
from distil.framework.chat.client import missing, open_in_words, url_of
from distil.framework.chat.estimate import Estimate, Paid, PaidWriter
from distil.framework.chat.section import Prices, is_open
from distil.framework.chat.shots import Pool, pool_of
from distil.framework.data.example import Example, Notebook
from distil.framework.data.load import Split
from distil.framework.language.words import count_of
from distil.framework.recipe.schema import Recipe
from distil.framework.rehearsal.outline import texts_written
from distil.framework.stages.completions import sampling_of
from distil.framework.stages.stage import answers_folder
from distil.framework.store import Store
from distil.framework.tasks.base import InferenceConfig, Task
from distil.framework.teachers.base import only_writes
from distil.framework.teachers.chat import Chat


def requests_in_words(recipe: Recipe, task: Task, splits: Mapping[str, Split], store: Store) -> Iterator[str]:
    """A line for each chat teacher: requests, tokens and money for what is not among the answers of before. task: fitted to the
    data."""
    answers = answers_folder(store)
    inference = InferenceConfig(task, recipe.windows, None, "fp32", answers=answers, storage=store.storage)
    for name, teacher in recipe.teachers.items():
        if not isinstance(teacher, Chat) or teacher.endpoint is None:
            continue
        predictor = _drawn(teacher).predictor(answers, replace(inference, pool=_pool(recipe, teacher, splits)))
        assert isinstance(predictor, Paid)
        taught, measured = _splits_of_signals(recipe, name), recipe.evaluation.split
        asked = list(dict.fromkeys([*taught, measured]))
        examples = [example for split in taught for example in splits[split].examples]
        found = predictor.estimate(examples, splits[measured].examples)
        completions = recipe.student.completions if recipe.student is not None else None
        if completions is not None and isinstance(predictor, PaidWriter):
            drawn = sampling_of(completions.count, completions.temperature, recipe.seed)
            prompts = [one for split in completions.of for one in _prompts(task, splits[split])]
            found += predictor.estimate_written(prompts, drawn.count, drawn.temperature)
            asked = list(dict.fromkeys([*asked, *completions.of]))
        unwritten = texts_written(recipe, name, {split: len(one.examples) for split, one in splits.items()}).asked
        if unwritten and not only_writes(teacher):
            yield (
                f"{name} is asked how likely texts are, once these are written: one request for each of at most {unwritten:,}, whose tokens are in "
                "no figure here"
            )
        if not found.wanted.requests:
            yield f"{name}: all answers about {', '.join(asked)} are there"
            continue
        yield f"{name} is asked about {', '.join(asked)}: {_in_words(found, teacher.prices)}"
        if (problem := missing(teacher.endpoint)) is not None:
            yield f"{name}: {problem}"
        elif is_open(url := url_of(teacher.endpoint)):
            yield f"{name}: {open_in_words(teacher.endpoint, url)}"
        spent = predictor.asker.answers.spent
        for then, verb in ((found.wanted, "is"), (found.at_most, "may be")):
            over = beyond(teacher.budget, teacher.prices, spent, spent + then)
            if over is not None:
                field, most, _, amount = over
                yield (
                    f"{name}: that {verb} beyond its budget.{field}, {most:,.10g}, as it comes to {amount:,.6g} with what is spent; it is "
                    "stopped there, and goes on with a larger one"
                )
                break


def _prompts(task: Task, split: Split) -> Iterator[Example]:
    """What is completed; what is written then, and asked about, nobody knows before."""
    notebook = Notebook(task.notes)
    return (found for one in split.examples if (found := task.prompt_of(one, notebook)) is not None)


def _drawn(teacher: Chat) -> Chat:
    """The teacher with examples that are drawn: the nearest, which take about as many tokens, are not known yet."""
    if teacher.examples is None or teacher.examples.by == "random":
        return teacher
    return teacher.model_copy(update={"examples": teacher.examples.model_copy(update={"by": "random"})})


def _pool(recipe: Recipe, teacher: Chat, splits: Mapping[str, Split]) -> Pool | None:
    if teacher.examples is None:
        return None
    name, measured = teacher.examples.split, splits[recipe.evaluation.split].examples
    return pool_of(name, splits[name].examples, measured, None, recipe.windows.max_length)


def _splits_of_signals(recipe: Recipe, name: str) -> list[str]:
    """Those that the student learns from, this teacher is calibrated on, and the ensemble is measured on."""
    if only_writes(recipe.teachers[name]):
        return []
    student = recipe.student
    taught = student is not None and any(loss.source == "signal" for loss in recipe.losses.values())
    splits = [student.split, *student.unlabelled] if student is not None and taught else []
    held_out = [recipe.held_out] if name in recipe.calibrated else []
    pooled = [recipe.evaluation.split] if recipe.ensemble is not None else []
    return list(dict.fromkeys([*splits, *held_out, *pooled]))


def _in_words(found: Estimate, prices: Prices | None) -> str:
    wanted, most = found.wanted, found.at_most
    written = f"{wanted.output_tokens:,} written" if found.by else f"at most {most.output_tokens:,} written"
    cost, highest = cost_of(wanted, prices), cost_of(most, prices)
    money = "" if cost is None else f", which cost about {cost:,.4g}, at most {highest:,.4g}, by its prices"
    by = (
        f"by the {count_of(found.by, 'answer')} so far"
        if found.by
        else "a token taken for 4 letters of Latin script, 2 of others, 1 of Chinese"
    )
    return (
        f"{count_of(wanted.requests, 'request')}, about {wanted.input_tokens:,} tokens read and {written}{money} ({by})"
    )
