"""Whether a model that is taken as it is has the head of its task, as can be told without loading its weights."""

from pathlib import Path
from typing import TYPE_CHECKING

from distil.framework.errors import ModelError
from distil.framework.models.configuration import read_config
from distil.framework.models.kind import ModelKind, from_config
from distil.framework.models.locate import saved_names

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

_BODY = ("shared.", "encoder.", "decoder.")  # of models such as T5, which keep theirs under no common name


def is_of_head(model: "PreTrainedModel", name: str) -> bool:
    """Whether a tensor belongs to what a task puts on top of a model's body.

    Models that were trained on masked words alone have no pooler, which then belongs to the head.
    """
    prefixes = (f"{model.base_model_prefix}.",) if hasattr(model, model.base_model_prefix) else _BODY
    return not name.startswith(prefixes) or ".pooler." in name


def head_modules(model: "PreTrainedModel") -> list[str]:
    """The modules of a task's head; none of a generator, whose head was trained with all else of it."""
    if model.get_output_embeddings() is not None:
        return []
    names = [name for name, _ in model.named_parameters() if is_of_head(model, name)]
    parts = [
        f"{name.partition('.pooler.')[0]}.pooler" if ".pooler." in name else name.partition(".")[0] for name in names
    ]
    return list(dict.fromkeys(parts))


def check_published_head(task: ModelKind, config: "PreTrainedConfig", place: str) -> None:
    """Refuse a model that its configuration says was saved by other classes than the task's. place: of the recipe. Raises ModelError."""
    import transformers

    wanted = _class_names(task, config)
    saved_by = list(config.architectures or ())
    if not wanted or not saved_by or wanted & set(saved_by):
        return
    if all(hasattr(transformers, name) for name in saved_by):  # one of somebody's own may have any head
        raise ModelError(
            f"{place}: the model was not trained for task {task.kind}: its configuration says that it is a {saved_by[0]}, and a "
            f"{min(wanted)} is needed, as its head would have random weights, which know nothing; add `fine_tune`, or take another"
        )


def check_saved_head(task: ModelKind, folder: Path) -> None:
    """Refuse a model in whose files no tensor of the task's head is named. Raises ModelError."""
    import torch

    names, config = saved_names(folder), read_config(folder)
    with torch.device("meta"):
        model = from_config(task, config)
    prefix = f"{model.base_model_prefix}."
    tied = (
        set(getattr(model, "_tied_weights_keys", None) or ())
        if getattr(config, "tie_word_embeddings", False)
        else set()
    )
    head = [name for name in model.state_dict() if not name.startswith(prefix) and name not in tied]
    if names and head and not names & set(head) and hasattr(model, model.base_model_prefix):
        raise ModelError(
            f"the model in {folder} was not trained for task {task.kind}: it has no {min(head)}, and random weights know nothing; "
            "fine-tune it, or take another"
        )


def _class_names(task: ModelKind, config: "PreTrainedConfig") -> set[str]:
    """Names of the transformers classes that a model of this configuration may have for the task; none where nobody knows."""
    mapping = getattr(task.model_class(), "_model_mapping", {})
    try:
        found = mapping[type(config)]
    except KeyError:
        return set()
    return {cls.__name__ for cls in (found if isinstance(found, list | tuple) else [found])}
