"""Optional packages that a recipe asks for."""

from collections.abc import Iterator

from distil.framework.device import resolve_workers
from distil.framework.extras import need
from distil.framework.models.formats import format_of
from distil.framework.recipe.schema import Recipe
from distil.framework.teachers.base import is_elsewhere


def check_packages(recipe: Recipe) -> None:
    """Raises MissingPackageError, which names the place of the recipe, for an optional package that it asks for and that is not here."""
    for what, packages in _asked(recipe):
        need(what, *packages)


def _asked(recipe: Recipe) -> Iterator[tuple[str, tuple[str, ...]]]:
    engine, workers = recipe.engine, most_workers(recipe)
    if workers > 1:
        here = f", of {workers} workers (one a GPU; 1 works without)," if engine.workers == "auto" else ""
        yield f"engine.workers: {engine.workers}{here}", ("ray",)
    if recipe.signals.mode == "streamed":
        yield "signals.mode: streamed", ("ray",)
    if engine.backend_here == "deepspeed":
        why = f"engine.zero_stage: {engine.zero_stage}" if engine.zero_stage else "engine.backend: deepspeed"
        yield why, ("deepspeed",)
    for name, teacher in recipe.teachers.items():
        if is_elsewhere(teacher):
            yield f"teachers.{name}.endpoint", ("openai",)
    yield from recipe.task.packages.items()
    if recipe.search is not None:
        yield "the section `search`", ("optuna", "ray")
    for name, teacher in recipe.teachers.items():
        if teacher.fine_tune is not None and teacher.fine_tune.lora is not None:
            yield f"teachers.{name}.fine_tune.lora", ("peft",)
        if format_of(teacher.model).quantization is not None:
            yield f"teachers.{name}.model.quantization", ("bitsandbytes", "accelerate")
    if recipe.student is not None and recipe.student.lora is not None:
        yield "student.lora", ("peft",)
    if recipe.tracking.by_mlflow:
        yield "the section `tracking`", ("mlflow",)
    for one in recipe.tracking.also:
        if isinstance(one, str):
            yield f"tracking.also: {one}", (one,)


def most_workers(recipe: Recipe) -> int:
    """Workers of the training that takes the most here."""
    trainings = [recipe.student, *(teacher.fine_tune for teacher in recipe.teachers.values())]
    return max((resolve_workers(recipe.engine.workers, one.batch_size) for one in trainings if one), default=1)
