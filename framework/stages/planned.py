"""Models as they will be, known from their configurations before anything is made."""

from typing import Any

from framework.data.windows_section import WindowSettings
from framework.errors import ModelError
from framework.generative.kind import Generator
from framework.generative.trial import TRIED, try_architecture
from framework.models.build import copy_layers_config, planned_parameters, read_config
from framework.models.configuration import new_config
from framework.models.locate import locate, locate_tokenizer
from framework.models.positions import most_tokens
from framework.models.section import ConfigModel, LayersModel, TrainedTokenizer
from framework.models.tokenizers import load_tokenizer
from framework.recipe import Recipe


def planned_config(recipe: Recipe, section: Any) -> Any:
    """The configuration of a teacher's or student's model; a vocabulary to be learnt or trimmed counts as large as it may get.

    Raises ModelError for an architecture, a field, or a layer that there is not.
    """
    source = section.model
    if isinstance(source, LayersModel):
        return copy_layers_config(planned_config(recipe, recipe.teachers[source.teacher]), source.layers)
    if not isinstance(source, ConfigModel):
        return read_config(locate(source))
    settings = section.tokenizer
    if isinstance(settings, TrainedTokenizer):
        return new_config(source, settings.vocab_size, pad_id=0)
    tokenizer = load_tokenizer(locate_tokenizer(settings.id, settings.revision), settings)
    return new_config(source, len(tokenizer), int(tokenizer.pad_token_id or 0))


def planned_size(recipe: Recipe, section: Any) -> int:
    """Parameters of a teacher's or student's model, at most. Raises ModelError as planned_config does."""
    config = planned_config(recipe, section)
    return planned_parameters(
        recipe.task if section is recipe.student else section.model_kind(recipe.task, config), config
    )


def check_models(recipe: Recipe) -> None:
    """Refuse, before anything runs, models that cannot be built or cannot read the recipe's windows. Raises ModelError."""
    for name, teacher in recipe.teachers.items():
        if teacher.model is not None:
            _check(recipe, f"teachers.{name}", teacher, teacher.windows or recipe.windows)
    if recipe.student is not None:
        _check(recipe, "student", recipe.student, recipe.windows)


def _check(recipe: Recipe, place: str, section: Any, windows: WindowSettings) -> None:
    config = planned_config(recipe, section)
    size = planned_size(recipe, section)
    most = most_tokens(config)
    if most is not None and windows.max_length > most:
        raise ModelError(
            f"windows.max_length is {windows.max_length}, but the {config.model_type} model of {place} has positions for "
            f"{most} tokens; lower max_length"
        )
    kind = recipe.task if section is recipe.student else section.model_kind(recipe.task, config)
    if isinstance(kind, Generator) and size <= TRIED:
        try:
            try_architecture(kind, config)
        except ModelError as error:
            raise ModelError(f"{place}: {error}") from None
