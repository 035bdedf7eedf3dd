"""Stages that make tokenizers and models before any training."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from distil.framework.chat.template import TRAINED_TEMPLATE, check_template
from distil.framework.data.load import Split
from distil.framework.digest import MODELS, Key, Library, digest_of_files, versions
from distil.framework.errors import ModelError
from distil.framework.generative.trial import TRIED, try_model
from distil.framework.models.adapters import ADAPTER_CONFIG
from distil.framework.models.attention import hold_attention, other_attention
from distil.framework.models.bounds import count_parameters
from distil.framework.models.build import pretrained_model, random_model, save_model
from distil.framework.models.configuration import new_config, read_config
from distil.framework.models.copies import copy_layers
from distil.framework.models.formats import FLOAT32, WeightFormat, format_of
from distil.framework.models.heads import check_saved_head
from distil.framework.models.kind import Generator, ModelKind
from distil.framework.models.locate import identity, locate, locate_tokenizer, tokenizer_folder, weight_files
from distil.framework.models.section import (
    ConfigModel,
    FolderModel,
    HubModel,
    LayersModel,
    PretrainedTokenizer,
    TokenizerSource,
    TrainedTokenizer,
)
from distil.framework.models.tokenizer_training import separate, train_tokenizer, train_writing_tokenizer
from distil.framework.models.tokenizers import (
    ends_in,
    fit_to_model,
    further_ends,
    load_tokenizer,
    named_ends,
    named_tokens,
    within_rows,
)
from distil.framework.models.trim import trim
from distil.framework.plugins import SOURCE
from distil.framework.recipe.sections import Student, Trim
from distil.framework.stages.planned import planned_config
from distil.framework.stages.stage import Context, Stage, key_of
from distil.framework.tasks.base import Task
from distil.framework.tasks.facts import trained_settings
from distil.framework.teachers.base import Teacher, own_settings
from distil.framework.teachers.chat import Chat

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

_SOME = 256  # texts, by which a tokenizer is tried
_QUICK = 2e9  # bytes of weights that are loaded in seconds


def tokenizer_stage(context: Context, settings: TrainedTokenizer, data: Split) -> Stage:
    """A tokenizer trained on the contexts and questions of a split."""

    def make(folder: Path) -> dict[str, Any]:
        texts = dict.fromkeys(text for example in data.examples for text in example.texts)
        train = train_writing_tokenizer if context.task.writes else train_tokenizer
        tokenizer = train(settings, texts)
        tokenizer.save_pretrained(str(folder / "tokenizer"))
        return {"tokens": len(tokenizer)}

    inputs: dict[str, object] = {"tokenizer": settings.model_dump(mode="json"), "data": data.digest}
    inputs |= {"writes": True} if context.task.writes else {}
    # Which texts an example has is said by its task, and that of the user's own may say it anew.
    inputs |= {SOURCE: own} if (own := trained_settings(context.task).get(SOURCE)) is not None else {}
    key = key_of(context, "tokenizers", inputs, versions(1, ("tokenizers", "transformers")))
    return Stage(f"train a {settings.kind} tokenizer of {settings.vocab_size}", key, make)


def initial_stage(
    context: Context, name: str, section: Any, teacher: Teacher | None, tokenizer: Stage | None, seed: int
) -> Stage:
    """A model before training, with its tokenizer: pretrained, or random weights of a configuration.

    section: the teacher's or the student's; a teacher of the user's own kind may have no model, and leaves nothing. A
    teacher that is taken as it is has to have all weights.
    """
    task, model, settings = context.task, section.model, section.tokenizer
    if model is None:
        read_by = {"tokenizer": _tokenizer_identity(settings)} if getattr(settings, "id", None) is not None else {}
        key = Key("initial", {"teacher": section.kind, **read_by})
        return Stage(f"prepare {name}", key, lambda folder: {"parameters": 0})

    weights = format_of(model)
    config = planned_config(context.recipe, section)
    windows = (teacher.windows if teacher is not None else None) or context.recipe.windows
    attention = other_attention(_kind(task, teacher, config), config, windows.max_length)
    ends = _further_ends(section, config)

    def make(folder: Path) -> dict[str, Any]:
        if tokenizer is not None:
            loaded = load_tokenizer(tokenizer.result(context.store) / "tokenizer")
        else:
            loaded = load_tokenizer(tokenizer_folder(model, settings), settings)
        if isinstance(model, ConfigModel):
            fields = new_config(model, len(loaded), int(loaded.pad_token_id or 0), named_tokens(loaded))
            kind = _kind(task, teacher, fields)
            if kind is task:
                fields.update(task.head_fields())
            built = random_model(kind, fields, seed)
            if isinstance(settings, TrainedTokenizer) and not task.writes:
                separate(loaded, fields)
                if isinstance(teacher, Chat):
                    loaded.chat_template = TRAINED_TEMPLATE
        else:
            built = _pretrained(task, teacher, locate(model, weights=True), seed, weights)
            loaded = within_rows(loaded, built.config)
        fit_to_model(loaded, built.config)
        kind = _kind(task, teacher, built.config)
        if attention is not None:
            hold_attention(built, attention)
        if kind is task:
            task.check_model(built)
        if isinstance(kind, Generator) and count_parameters(built) > TRIED:
            try_model(kind, built)
        save_model(built, loaded, folder / "model", ends)
        return {"parameters": count_parameters(built)}

    inputs: dict[str, Any] = {
        "task": trained_settings(task),
        "teacher": _class_settings(teacher) if teacher is not None else None,
        "model": model.model_dump(mode="json") if isinstance(model, ConfigModel) else identity(model),
        "tokenizer": tokenizer.key if tokenizer is not None else _tokenizer_identity(settings),
        "seed": None if _is_taken_as_it_is(teacher) else seed,
    }
    inputs |= {"attention": attention} if attention is not None else {}
    inputs |= {"ends": ends} if ends else {}
    inputs |= {"weights": weights.as_input} if weights.as_input else {}
    libraries: tuple[Library, ...] = MODELS if weights.quantization is None else (*MODELS, "bitsandbytes")
    return Stage(f"prepare {name}", key_of(context, "initial", inputs, versions(1, libraries)), make)


def layers_stage(context: Context, name: str, model: LayersModel, teacher: Stage) -> Stage:
    """A student that is some layers of a teacher's trained model."""
    task = context.task

    def make(folder: Path) -> dict[str, Any]:
        source = teacher.result(context.store) / "model"
        # A teacher that was taken as it is may have a head for other classes.
        student = copy_layers(task, pretrained_model(task, source, 0, task.head_fields(), FLOAT32), model.layers)
        tokenizer = load_tokenizer(source)
        save_model(student, tokenizer, folder / "model", named_ends(tokenizer))
        return {"parameters": count_parameters(student)}

    inputs = {"copied": teacher.key, "layers": model.layers}
    copied = context.recipe.teachers[model.teacher].model
    ends = ends_in(locate(copied)) if isinstance(copied, HubModel | FolderModel) else ()
    inputs |= {"ends": sorted(ends)} if len({*ends}) > 1 else {}
    return Stage(f"prepare {name}", key_of(context, "initial", inputs, versions(1, MODELS)), make)


def trained_tokenizer(context: Context, settings: TokenizerSource, split: Split) -> Stage | None:
    """The stage of a tokenizer that the run trains; None for one that is there."""
    return tokenizer_stage(context, settings, split) if isinstance(settings, TrainedTokenizer) else None


def student_initial(context: Context, copied: Stage | None) -> tuple[Stage | None, Stage]:
    """The student before training: its tokenizer, if the run trains that, and its first weights. copied: leaves the weights of the
    teacher whose layers it is made of."""
    recipe, student = context.recipe, context.recipe.student
    assert student is not None
    tokenizer = trained_tokenizer(context, student.tokenizer, context.data[student.split])
    if isinstance(student.model, LayersModel):
        assert copied is not None
        return tokenizer, layers_stage(context, "the student", student.model, copied)
    seed = recipe.seed if student.seed is None else student.seed
    return tokenizer, initial_stage(context, "the student", student, None, tokenizer, seed)


def trim_stage(context: Context, settings: Trim, initial: Stage) -> Stage:
    """The student that `initial` leaves, without the tokens that the questions of some splits do not need."""
    recipe = context.recipe
    splits = [context.data[name] for name in settings.splits or context.data]

    def make(folder: Path) -> dict[str, Any]:
        examples = [example for split in splits for example in split.examples]
        facts = trim(initial.result(context.store) / "model", examples, context.task, recipe.windows, folder / "model")
        counts = (f"{facts[name]:,} of {facts[f'{name}_before']:,} {name}" for name in ("tokens", "parameters"))
        context.progress.say(f"    left: {', '.join(counts)}")
        return facts

    inputs = {
        "initial": initial.key,
        "trim": sorted({split.digest for split in splits}),
        "max_question": recipe.windows.max_question,
    }
    key = key_of(context, "initial", inputs, versions(1, MODELS))
    return Stage("trim the vocabulary of the student", key, make)


def fetch(task: Task, section: Any, teacher: Teacher | None) -> None:
    """Bring the files of a model of the hub, or of a folder, here before anything starts, and load those that take no time.

    section: as for `initial_stage`. Raises ModelError for what cannot be had, or is no model of its kind, and for classes of
    a model taken as it is of which nobody says what they mean.
    """
    source = locate(section.model, weights=True)
    config = read_config(source)
    kind = _kind(task, teacher, config)
    if kind is task and _is_taken_as_it_is(teacher):
        task.translated([], config, getattr(teacher, "label_map", None))
    if isinstance(section.tokenizer, PretrainedTokenizer):
        tokenizer = load_tokenizer(tokenizer_folder(section.model, section.tokenizer), section.tokenizer)
        fit_to_model(within_rows(tokenizer, config), config)
        if isinstance(teacher, Chat):
            check_template(tokenizer, teacher.prompt)
    if sum(path.stat().st_size for path in weight_files(source)) <= _QUICK:
        loaded = _pretrained(task, teacher, source, 0, format_of(section.model))
        if kind is task:
            task.check_model(loaded)
    elif kind is task and _is_taken_as_it_is(teacher):
        check_saved_head(task, source)


def check_gives_back(context: Context, section: Student | Teacher, split: Split) -> None:
    """Refuse, before anything runs, a model that writes whose tokenizer is here and loses nearly all of a split's texts. Raises ModelError.

    section: as for `initial_stage`.
    """
    settings = section.tokenizer
    own = not isinstance(section.model, LayersModel | None)
    if not context.task.writes or not isinstance(settings, PretrainedTokenizer) or not (own or settings.id):
        return
    tokenizer = load_tokenizer(tokenizer_folder(section.model, settings), settings)
    if own:
        config = planned_config(context.recipe, section)
        tokenizer = within_rows(tokenizer, config)
        fit_to_model(tokenizer, config)
    windows = context.recipe.windows
    try:
        context.task.features(split.examples[:_SOME], tokenizer, windows)
    except ModelError:  # all of the texts decide, as they do later
        context.task.features(split.examples, tokenizer, windows)


def _further_ends(section: Student | Teacher, config: "PreTrainedConfig") -> list[int]:
    """What ends texts of a model by its own settings, of which its tokenizer, from elsewhere, knows nothing."""
    model, settings = section.model, section.tokenizer
    if not isinstance(model, HubModel | FolderModel) or not isinstance(settings, PretrainedTokenizer):
        return []
    folder = locate(model)
    if settings.id is None or not ends_in(folder):
        return []
    return further_ends(folder, within_rows(load_tokenizer(tokenizer_folder(model, settings), settings), config))


def _is_taken_as_it_is(teacher: Teacher | None) -> bool:
    return teacher is not None and teacher.fine_tune is None


def _kind(task: Task, teacher: Teacher | None, config: "PreTrainedConfig") -> ModelKind:
    return task if teacher is None else teacher.model_kind(task, config)


def _pretrained(
    task: Task, teacher: Teacher | None, source: Path, seed: int, weights: WeightFormat
) -> "PreTrainedModel":
    """The model in `source`; one of the task gets a new head, unless it is taken as it is. Raises ModelError."""
    if (source / ADAPTER_CONFIG).exists():
        raise ModelError(
            f"{source} holds adapters beside a model's weights ({ADAPTER_CONFIG}); merge them into the weights (merge_and_unload of "
            "peft), save the model, and name that folder"
        )
    kind, as_it_is = _kind(task, teacher, read_config(source)), _is_taken_as_it_is(teacher)
    head = {} if as_it_is or kind is not task else task.head_fields()
    return pretrained_model(kind, source, None if as_it_is else seed, head, weights)


def _class_settings(teacher: Teacher) -> dict[str, Any]:
    """What decides which of transformers' classes is meant."""
    own = own_settings(teacher)
    return {name: own[name] for name in ("kind", SOURCE) if name in own}


def _tokenizer_identity(settings: PretrainedTokenizer) -> dict[str, Any]:
    """The files' digest of a tokenizer from elsewhere; the model's own is known by the model."""
    files = None
    if settings.id is not None:
        folder = locate_tokenizer(settings.id, settings.revision)
        files = digest_of_files(path for path in folder.iterdir() if path.is_file() and path.suffix != ".safetensors")
    return {"files": files, "lower_case": settings.lower_case}
