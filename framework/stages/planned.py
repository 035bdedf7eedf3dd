"""Models as they will be, known from their configurations before anything is made."""

import time
from typing import TYPE_CHECKING, Any

from distil.framework.config import shortened
from distil.framework.device import device_kind, resolve_workers
from distil.framework.errors import MissingModelError, ModelError, RecipeError
from distil.framework.generative.trial import TRIED, try_architecture
from distil.framework.models.bounds import TooLarge, check_fits, count_parameters
from distil.framework.models.build import planned_parameters, random_model
from distil.framework.models.checkpointing import checkpoint_gradients
from distil.framework.models.compiling import OPTION
from distil.framework.models.configuration import new_config, read_config
from distil.framework.models.copies import check_layers, copy_layers_config
from distil.framework.models.formats import format_of
from distil.framework.models.heads import check_published_head
from distil.framework.models.kind import Generator, ModelKind
from distil.framework.models.layers import distances_from_head, layers_of, leaves_out_layers
from distil.framework.models.locate import locate, tokenizer_folder
from distil.framework.models.packing import pack, packed_layers
from distil.framework.models.probe import check_reads_text, most_tokens, most_written
from distil.framework.models.section import ConfigModel, LayersModel, TrainedTokenizer
from distil.framework.models.tokenizer_training import TRAINED
from distil.framework.models.tokenizers import load_tokenizer, named_tokens
from distil.framework.recipe.schema import Recipe
from distil.framework.recipe.sections import Student
from distil.framework.teachers.base import Teacher
from distil.framework.teachers.chat import Chat
from distil.framework.teachers.generative import Generative
from distil.framework.training.section import Training

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

_SECONDS = 5.0  # in which a field is looked for that is to blame


def planned_config(recipe: Recipe, section: Any) -> "PreTrainedConfig":
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
        return new_config(source, settings.vocab_size, 0, TRAINED)
    tokenizer = load_tokenizer(tokenizer_folder(source, settings), settings)
    return new_config(source, len(tokenizer), int(tokenizer.pad_token_id or 0), named_tokens(tokenizer))


def planned_size(recipe: Recipe, section: Any) -> int:
    """Parameters of a teacher's or student's model, at most. Raises ModelError as planned_config does."""
    config = planned_config(recipe, section)
    return planned_parameters(_kind(recipe, section, config), config)


def _kind(recipe: Recipe, section: Any, config: "PreTrainedConfig") -> ModelKind:
    return recipe.task if section is recipe.student else section.model_kind(recipe.task, config)


def check_models(recipe: Recipe) -> None:
    """Refuse, before anything runs, models that cannot be built or cannot read the recipe's windows. Raises ModelError."""
    for name, teacher in recipe.teachers.items():
        if teacher.model is not None:
            _check(recipe, f"teachers.{name}", teacher)
    if recipe.student is not None:
        _check(recipe, "student", recipe.student)


def _check(recipe: Recipe, place: str, section: Any) -> None:
    try:
        config = _tried(recipe, place, section)
    except (TooLarge, MissingModelError):  # of the latter `distil plan` shows what is published
        raise
    except ModelError as error:
        raise ModelError(f"{error}{_field_to_blame(recipe, place, section)}") from None
    kind = _kind(recipe, section, config)
    training: Training | None = section if section is recipe.student else section.fine_tune
    if training is not None:
        where = place if section is recipe.student else f"{place}.fine_tune"
        _check_training(where, kind, config, training, recipe.engine.compile)
        if recipe.engine.cuda_graphs:
            _check_recorded(recipe, place, kind, config, training)
    check_positions(recipe, place, section, config)


def check_positions(recipe: Recipe, place: str, section: Teacher | Student, config: "PreTrainedConfig") -> None:
    """Refuse a model that has positions for fewer tokens than it is to read, or to write as an answer, at once; completions are cut there. place:
    of its section. Raises ModelError."""
    kind = _kind(recipe, section, config)
    option, wanted, other = _to_read(recipe, place, section)
    if wanted is not None and (most := most_tokens(kind, config, wanted)) < wanted:
        raise ModelError(
            f"{option} is {wanted}, but the {config.model_type} model of {place} has positions for {most} tokens; lower it, {other}or "
            "take another model"
        )
    if not config.is_encoder_decoder or not isinstance(section, Generative) or kind is recipe.task:
        return
    if "max_answer" not in section.model_fields_set:  # it may be of no use: tasks whose answers are labels refuse it
        return
    needed = section.max_answer + 1
    if (most := most_written(kind, config, needed)) < needed:
        raise ModelError(
            f"{place}.max_answer is {section.max_answer}, but the decoder of the {config.model_type} model of {place} has positions for {most} "
            "tokens, of which an answer's end takes one; lower it, or take another model"
        )


def _to_read(recipe: Recipe, place: str, section: Teacher | Student) -> tuple[str, int | None, str]:
    """The option that says how many tokens a model reads at once, the number, None: as many as it has positions for, and what else to do
    than to lower it."""
    if isinstance(section, Student):
        return "windows.max_length", recipe.windows.max_length, ""
    if isinstance(section, Chat) and (section.max_length is not None or not recipe.task.writes):
        return f"{place}.max_length", section.max_length, ""
    if section.windows is not None:
        return f"{place}.windows.max_length", section.windows.max_length, ""
    own = "max_length" if isinstance(section, Chat) else "windows"
    return "windows.max_length", recipe.windows.max_length, f"give {place} a `{own}` of its own, "


def _tried(recipe: Recipe, place: str, section: Any) -> "PreTrainedConfig":
    """The configuration of a model that can be built. Raises ModelError if it cannot."""
    config = planned_config(recipe, section)
    size = planned_size(recipe, section)
    check_fits(format_of(section.model).bytes * size, f"the {config.model_type} model of {place}")
    kind = _kind(recipe, section, config)
    if kind is recipe.task:
        as_it_is = section is not recipe.student and section.fine_tune is None
        recipe.task.check_config(config, as_it_is)
        if as_it_is:
            check_published_head(recipe.task, config, place)
    if not isinstance(kind, Generator):
        _check_reads_text(recipe, place, section, kind, config)
    if isinstance(kind, Generator) and size <= TRIED:
        try:
            try_architecture(kind, config)
        except ModelError as error:
            raise ModelError(f"{place}: {error}") from None
    return config


def _check_training(
    place: str, kind: ModelKind, config: "PreTrainedConfig", training: Training, compiled: bool
) -> None:
    """Refuse what cannot be done with the layers of such a model."""
    if training.layer_decay == 1 and not training.gradient_checkpointing and not training.packing and not compiled:
        return
    from distil.framework.models.weightless import weightless_model

    model = weightless_model(kind, config)
    try:
        if training.layer_decay < 1:
            distances_from_head(model)
        if training.gradient_checkpointing:
            checkpoint_gradients(model)
        if training.packing:
            packed_layers(model)
            if count_parameters(model) <= TRIED:
                pack(random_model(kind, config, seed=0))
    except ModelError as error:
        raise ModelError(f"{place}.{error}") from None
    try:
        if compiled:
            layers_of(model, OPTION)
    except ModelError as error:  # names an option that stands elsewhere
        raise ModelError(f"{place}: {error}") from None


def _check_recorded(
    recipe: Recipe, place: str, kind: ModelKind, config: "PreTrainedConfig", training: Training
) -> None:
    """Refuse trainings whose passes over batches of one length are not alike, or cannot be recorded here."""
    if device_kind() != "cuda":
        raise RecipeError("engine.cuda_graphs needs a GPU and there is none here; drop it")
    if (workers := resolve_workers(recipe.engine.workers, training.batch_size)) > 1:
        raise RecipeError(
            f"engine.cuda_graphs is for trainings of one worker, and that of {place} has {workers}: set engine.workers: 1, or drop cuda_graphs"
        )
    if kind is not recipe.task or recipe.task.writes:
        why = "batches of a model that writes have too many shapes"
    elif leaves_out_layers(config):
        why = f"a {config.model_type} model leaves out layers at random"
    else:
        return
    raise ModelError(
        f"{place}: engine.cuda_graphs records a model's passes once for each length, and {why}: drop cuda_graphs"
    )


def _check_reads_text(recipe: Recipe, place: str, section: Any, kind: ModelKind, config: "PreTrainedConfig") -> None:
    if isinstance(section.model, LayersModel):
        check_layers(kind, planned_config(recipe, recipe.teachers[section.model.teacher]), section.model.layers)
    try:
        check_reads_text(kind, config)
    except ModelError as error:
        raise ModelError(f"{place}.model: {error}") from None


def _field_to_blame(recipe: Recipe, place: str, section: Any) -> str:
    """Names the field of a model's configuration without which it could be built, if there is one."""
    source = section.model
    if not isinstance(source, ConfigModel):
        return ""
    until = time.monotonic() + _SECONDS
    for field in source.config:
        rest = {name: value for name, value in source.config.items() if name != field}
        changed = section.model_copy(update={"model": source.model_copy(update={"config": rest})})
        without = recipe.model_copy(update={"student": changed}) if section is recipe.student else recipe
        if time.monotonic() > until:
            break
        try:
            config = _tried(without, place, changed)
            untried = isinstance(_kind(without, changed, config), Generator) and planned_size(without, changed) > TRIED
        except ModelError:
            continue
        if untried:  # the architecture's own size
            continue
        return f" (the field `{field}` is to blame: without it the model could be built)"
    given = ", ".join(f"{name}: {value}" for name, value in source.config.items())
    return f" (given: {shortened(given, 300)})" if given else ""
