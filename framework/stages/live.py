"""How live teachers come into a student's training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework.losses.live import Term, on_logits, on_states
from framework.losses.live_checks import live_teacher
from framework.models.tokenizers import load_model_tokenizer
from framework.recipe.schema import Recipe
from framework.stages.live_checks import check_live, check_one_tokenizer, same_tokenizer, unlike_tokenizers
from framework.stages.model_stages import ModelStages
from framework.stages.stage import Context, Stage
from framework.stages.supervision import Supervision
from framework.training.distillation import Distillation
from framework.training.items import Items
from framework.training.live import LiveDistillation
from framework.training.objective import Objective


def taught_losses(recipe: Recipe, losses: Mapping[str, Term], supervision: Supervision | None) -> dict[str, Term]:
    """The losses without those that look into a teacher by whom a student is not taught."""
    taught = supervision.collections if supervision is not None else {}
    live = on_states(losses)
    return {
        name: loss for name, loss in losses.items() if name not in live or live_teacher(recipe, live[name]) in taught
    }


def live_stages(
    recipe: Recipe, losses: Mapping[str, Term], tokenizer: Stage | None, teachers: Mapping[str, ModelStages]
) -> dict[str, Stage]:
    """For each live loss the stage that leaves its teacher's final weights.

    tokenizer: the one that the run trains for the student. Raises ModelError for models that cannot be compared.
    """
    live = on_states(losses)
    for name, loss in live.items():
        check_live(recipe, name, loss)
        check_one_tokenizer(recipe, name, loss, tokenizer, teachers)
    return {name: teachers[live_teacher(recipe, loss)].weights for name, loss in live.items()}


def shared_tokenizer(context: Context, losses: Mapping[str, Term], tokenizer: Any, live: Mapping[str, Stage]) -> Any:
    """The student's tokenizer, or a live teacher's that is the same but also gives the token types which that one needs.

    Raises ModelError if they are not the same.
    """
    result = tokenizer
    for name, loss in on_states(losses).items():
        other = load_model_tokenizer(_folder(context, live[name]))
        if not same_tokenizer(tokenizer, other):
            raise unlike_tokenizers(name, live_teacher(context.recipe, loss))
        if "token_type_ids" in other.model_input_names:
            result = other
    return result


def student_objective(
    context: Context, losses: Mapping[str, Term], live: Mapping[str, Stage], items: Items, seed: int
) -> Objective:
    """What a student is trained towards."""
    on_items = Distillation(context.task, items, on_logits(losses), seed)
    if not live:
        return on_items
    folders = {name: _folder(context, stage) for name, stage in live.items()}
    return LiveDistillation(on_items, on_states(losses), folders, context.precision)


def _folder(context: Context, stage: Stage) -> Path:
    return stage.result(context.store) / "model"
