"""A recipe from plain data: what its sections demand of each other. Each check returns problems."""

from pydantic import ValidationError

from distil.framework.config import Where, nearest_hint, shortened, worded
from distil.framework.data.load import given_names
from distil.framework.data.records import Fields
from distil.framework.data.section import DEFAULT_SPLITS
from distil.framework.errors import RecipeError
from distil.framework.files import Json
from distil.framework.losses.base import OnItsOwnRows
from distil.framework.losses.live_checks import live_problems
from distil.framework.losses.logits import HardLabel
from distil.framework.models.formats import format_of
from distil.framework.models.section import LayersModel
from distil.framework.recipe.chat_checks import chat_problems
from distil.framework.recipe.ensemble_checks import ensemble_problems
from distil.framework.recipe.schema import Recipe
from distil.framework.recipe.sections import Student
from distil.framework.recipe.splits import examples_wanted, prompts_wanted, shown, trainings
from distil.framework.recipe.writing_checks import writing_problems

_MOST_NAME = 100  # bytes
_TAKEN = {"student", "student_no_distillation", "no_distillation", "ensemble"}


def recipe_problems(recipe: Recipe) -> list[str]:
    """All problems of a recipe but those of its search, in words."""
    checks = (
        teacher_problems,
        chat_problems,
        ensemble_problems,
        held_out_problems,
        student_problems,
        writing_problems,
        live_problems,
        format_problems,
        task_problems,
        data_problems,
        split_problems,
        watching_problems,
    )
    return [problem for check in checks for problem in check(recipe)]


def teacher_problems(recipe: Recipe) -> list[str]:
    """Names that cannot be, and teachers that nothing needs."""
    problems = []
    if not recipe.teachers and recipe.student is None:
        problems.append("nothing to do: give `teachers`, a `student`, or both")
    for name in recipe.teachers:
        if name in _TAKEN or name.startswith("student_from_") or not _is_file_name(name):
            problems.append(
                f"{shortened(name)!r} cannot name a teacher: it means something else, or is no file name of at most "
                f"{_MOST_NAME} bytes"
            )
    return problems


def _is_file_name(name: str) -> bool:
    return bool(name.strip()) and "/" not in name and name.isprintable() and len(name.encode()) <= _MOST_NAME


def held_out_problems(recipe: Recipe) -> list[str]:
    """What is fitted to labels must not be fitted to those by which it is measured."""
    held_out, measured = recipe.signals.held_out, recipe.evaluation.split
    if recipe.calibrated and held_out is None:
        return [
            f"signals.held_out: calibrated temperatures and weights by a metric are fitted to labels, and not to those of '{measured}', "
            "by which all is measured: name another labelled split, such as one that data.cut or a slice (train[95%:]) sets apart"
        ]
    if held_out == measured:
        return [
            f"signals.held_out is '{measured}', by which all is measured (evaluation.split): name another labelled split"
        ]
    # Beside a student or an ensemble it may wait for a search, or for an override, by which it is needed.
    if held_out is not None and not recipe.calibrated and not (recipe.ensemble is not None or recipe.distils):
        return ["signals.held_out is for calibrated temperatures and weights by a metric, and there are none: drop it"]
    return []


def student_problems(recipe: Recipe) -> list[str]:
    """Losses, baselines and teachers have to belong to each other."""
    student = recipe.student
    if student is None:
        # Defaults may be spelled out, as a resolved recipe does.
        idle = {"baselines": recipe.baselines, "losses": recipe.losses != {"hard_label": HardLabel()}}
        return [
            f"`{name}` is for a student, and there is none: add `student`, or drop it"
            for name, given in idle.items()
            if given
        ]
    problems = []
    copied = student.model.teacher if isinstance(student.model, LayersModel) else None
    if recipe.compares and not recipe.teachers:
        names = [name for name, loss in recipe.losses.items() if loss.source != "labels"]
        problems.append(f"the losses {names} compare with teachers, and there are none: add `teachers`")
    if recipe.losses and not any(loss.weight for loss in recipe.losses.values()):
        problems.append("all losses weigh 0, by which nothing is learnt: give one a `weight` above 0")
    if recipe.teachers and not recipe.distils and copied is None and recipe.ensemble is None:
        problems.append(
            "no loss compares the student with the teachers: add one (kl, say) to `losses`, or drop `teachers`"
        )
    if copied is not None and copied not in recipe.teachers:
        hint = nearest_hint(copied, list(recipe.teachers))
        problems.append(f"student.model.teacher: no teacher is called '{copied}'; {hint}")
    if student.unlabelled and not recipe.compares:
        problems.append("student.unlabelled: no loss compares with a teacher, so nothing can be learnt there; drop it")
    return [*problems, *_baseline_problems(recipe, student)]


def format_problems(recipe: Recipe) -> list[str]:
    """Adapters, packing, recordings, and weights in other numbers than fp32, with what trains them or is made of them."""
    problems, engine = [], recipe.engine
    trainings = {f"teachers.{name}.fine_tune": teacher.fine_tune for name, teacher in recipe.teachers.items()}
    for place, training in {**trainings, "student": recipe.student}.items():
        if training and training.lora and engine.backend_here == "deepspeed":
            problems.append(
                f"{place}.lora: what adapters leave to train is too little to be shared out: set engine.zero_stage: 0 and engine.backend: "
                "torch, or drop `lora`"
            )
        if training and training.packing and engine.compile:
            problems.append(
                f"{place}.packing gathers tokens between layers in ways that cannot be compiled: drop it, or engine.compile"
            )
        if training and training.packing and engine.cuda_graphs:
            problems.append(
                f"{place}.packing has layers compute with another number of tokens in each batch, and engine.cuda_graphs holds one: drop either"
            )
        if training and training.gradient_checkpointing and engine.cuda_graphs:
            problems.append(
                f"{place}.gradient_checkpointing reads the state of random numbers, which engine.cuda_graphs cannot record: drop either"
            )
    for name, teacher in recipe.teachers.items():
        if teacher.fine_tune and format_of(teacher.model).dtype == "fp16" and engine.precision != "fp16":
            problems.append(
                f"teachers.{name}.model.dtype is fp16, in which small gradients are lost unless the loss is scaled: set it to bf16, or "
                "engine.precision: fp16 (on a GPU)"
            )
    copied = recipe.student.model.teacher if recipe.student and isinstance(recipe.student.model, LayersModel) else None
    source = recipe.teachers.get(copied or "")
    if source is not None and (found := format_of(source.model).quantization) is not None:
        problems.append(
            f"student.model.teacher: the weights of '{copied}' are held in {found}, and a student's are copied in fp32: drop the teacher's "
            "`quantization`, or take another kind of student"
        )
    return problems


def _baseline_problems(recipe: Recipe, student: Student) -> list[str]:
    if recipe.baselines and not recipe.distils:
        return ["`baselines` would repeat the student: no loss compares with a teacher; drop `baselines`"]
    problems = []
    legal = ["no_distillation", *(recipe.teachers if recipe.ensemble is not None else [])]
    for name in recipe.baselines:
        if name in recipe.teachers and recipe.ensemble is None:
            problems.append(f"baselines: '{name}' is the only teacher: the student is that baseline; drop it")
        elif name not in legal:
            problems.append(f"baselines: unknown baseline '{name}'; {nearest_hint(name, legal)}")
    if len(set(recipe.baselines)) < len(recipe.baselines):
        problems.append("`baselines` names one twice")
    if len(set(student.unlabelled)) < len(student.unlabelled) or student.split in student.unlabelled:
        problems.append("student.unlabelled names a split twice, or the one that the student is trained on anyway")
    return problems


def task_problems(recipe: Recipe) -> list[str]:
    """What the task itself demands, and losses that it has nothing for."""
    problems = [
        f"losses.{name}: a loss of kind {loss.kind} compares {loss.rows}, which the task {recipe.task.kind} does not have: drop it"
        for name, loss in recipe.losses.items()
        if isinstance(loss, OnItsOwnRows) and loss.rows not in recipe.task.loss_rows
    ]
    return [*problems, *recipe.task.check(recipe)]


def data_problems(recipe: Recipe) -> list[str]:
    """Sources have to hold what the task asks for."""
    task, problems = recipe.task, []
    sources = {"data.source": recipe.data.source}
    sources |= {f"data.extra.{name}.source": extra.source for name, extra in recipe.data.extra.items()}
    for place, source in sources.items():
        problems += Fields(task.fields, given_names(source)).problems(f"{place}.fields")
        made_for = getattr(source, "task", task.kind)  # of a generator
        if (
            made_for != task.kind and ":" not in task.kind
        ):  # one of the user's own may take what another one's generator makes
            problems.append(f"{place}: a {source.kind} source is for the task {made_for}, and the task is {task.kind}")
    return problems


def split_problems(recipe: Recipe) -> list[str]:
    """Splits that are wanted have to be there, and those that are given have to be wanted."""
    legal = recipe.data.names
    wanted = {**examples_wanted(recipe), **prompts_wanted(recipe)}
    problems = [
        f"{place}: no split of `data` is called '{split}'; {nearest_hint(split, legal)}"
        for place, split in wanted.items()
        if split not in legal
    ]
    problems += [
        f"teachers.{name}.examples.split is '{shots.split}', by which all is measured (evaluation.split): name another labelled split"
        for name, shots in shown(recipe).items()
        if shots.split == recipe.evaluation.split
    ]
    problems += [
        f"teachers.{name}.examples.by: nearest is by the student's embeddings, and there is no student: set by: random"
        for name, shots in shown(recipe).items()
        if shots.by == "nearest" and recipe.student is None
    ]
    idle = [name for name in legal if name not in wanted.values()]
    if idle and (recipe.data.cut is not None or recipe.data.extra or recipe.data.splits != DEFAULT_SPLITS):
        problems.append(
            f"data: nothing uses the split{'s' if len(idle) > 1 else ''} {', '.join(map(repr, idle))}: drop what is idle"
        )
    return problems


def watching_problems(recipe: Recipe) -> list[str]:
    """What is chosen by labels must not be measured by them, nor trained on them."""
    problems, measured = [], recipe.evaluation
    for place, (training, split) in trainings(recipe).items():
        others = "another labelled split, such as one that data.cut or a slice (train[95%:]) sets apart"
        if training.validation == measured.split:
            plain = "" if training.selects else ", or set evaluation.during_training to see curves on this one"
            problems.append(
                f"{place}.validation is '{measured.split}', by which all is measured (evaluation.split): name {others}{plain}"
            )
        elif training.validation == split:
            problems.append(f"{place}.validation is '{split}', on which the model is trained: name {others}")
        watched = training.validation is not None or (place == "student" and measured.during_training)
        if training.evaluate_every != "epoch" and not watched:
            also = " or set evaluation.during_training," if place == "student" else ""
            problems.append(
                f"{place}.evaluate_every: the model is measured on nothing while it is trained: name a split as {place}.validation,"
                f"{also} or drop evaluate_every"
            )
    return problems


def recipe_of(values: Json, where: Where) -> Recipe:
    """A recipe from plain data; of its search no more is checked than its own section. Raises RecipeError."""
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(worded(error, values, where)) from None
    refuse(recipe_problems(recipe), where)
    return recipe


def refuse(problems: list[str], where: Where) -> None:
    """Raise RecipeError for problems of a recipe as a whole, if there are any."""
    if problems:
        said = "; ".join(problems)
        raise RecipeError(f"{where([])}: {said[:1].lower()}{said[1:]}")
