"""The model card: where a model comes from, what it was measured to do, and how it is used."""

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from distil.framework.data.example import Example
from distil.framework.data.hub import Hub, hub_languages
from distil.framework.data.local_files import Files
from distil.framework.data.records import Source
from distil.framework.export.compare import cost
from distil.framework.export.finished_run import FinishedRun
from distil.framework.export.forms import GGUF
from distil.framework.export.gguf import FILE
from distil.framework.export.table import form_columns, form_rows, in_threads
from distil.framework.files import Json
from distil.framework.language.texts import are_russian
from distil.framework.language.words import ENGLISH
from distil.framework.metrics import metrics_in_words
from distil.framework.models.section import ConfigModel, FolderModel, HubModel, LayersModel, ModelSource
from distil.framework.outcome import ModelResults, counts_of
from distil.framework.results import usual_model
from distil.framework.tables import (
    NOTHING,
    comparison_columns,
    comparison_rows,
    markdown_rows,
    short_count,
    table_columns,
    table_rows,
)
from distil.framework.tasks.base import Own
from distil.framework.tasks.registry import summary_in
from distil.framework.tasks.reports import CardParts

CARD = "README.md"
_TAUGHT_BY = ("losses.", "ensemble.", "teachers")  # settings with sections of their own


def card_of(run: FinishedRun, model: ModelResults, language: str, export: Json | None = None) -> str:
    """The card of a model, in Markdown. language: of the data; export: what export.json holds, None of a model that was not exported."""
    forms = {} if export is None else export["forms"]
    own = run.task.card(run.inference(model).windows, _onnx_file(forms), language)
    parts = [
        _header(run, model, own, language),
        f"# {run.results['run']}: {model['name']}",
        _introduction(run, model, own),
        *_data(run, model),
        *_teachers(run, model),
        *_training(model),
        *_results(run, model, own),
        *(() if export is None else _forms(export, run.task.writes)),
        *_limits(run, model, forms, own),
        "## Use",
        *([_where(run, model)] if export is None else []),
        *own.usage,
    ]
    return "\n\n".join(parts) + "\n"


def _where(run: FinishedRun, model: ModelResults) -> str:
    chosen = "" if model["name"] == usual_model(run.results) else f" --model {model['name']}"
    return f"In the folder that `distil export {run.results['run']}{chosen} --to FOLDER` makes, whose own card has its files measured too."


def language_in(examples: Sequence[Example]) -> str:
    """`ru` where at least half of the examples' texts are Russian, else `en`."""
    return "ru" if are_russian(text for example in examples for text in example.texts) else "en"


def _header(run: FinishedRun, model: ModelResults, own: CardParts, language: str) -> str:
    from huggingface_hub import ModelCardData

    sources = _sources(run)
    base = _base(run, _section(run, model).model)
    # Letters tell Russian alone; what is not Russian may be in any language.
    spoken = {one for source in sources for one in _languages(source)} or ({"ru"} if language == "ru" else set())
    data = ModelCardData(
        language=sorted(spoken) or None,
        library_name="transformers",
        pipeline_tag=own.pipeline_tag,
        datasets=sorted({source.id for source in sources if isinstance(source, Hub)}) or None,
        base_model=base.id if isinstance(base, HubModel) else None,
        metrics=[metric.name for metric in run.recipe.task.metrics],
    )
    return f"---\n{data.to_yaml()}\n---"


def _introduction(run: FinishedRun, model: ModelResults, own: CardParts) -> str:
    text = (
        f"{own.introduction} "
        f"{short_count(model['parameters'])} parameters in {model.get('dtype') or 'fp32'}; the {model['role']} of the run `{run.results['run']}`, made by distil"
    )
    text = f"{text}: {run.recipe.description.rstrip('.')}." if run.recipe.description else f"{text}."
    return f"{text} It began as {_beginning(run, _section(run, model).model)}."


def _data(run: FinishedRun, model: ModelResults) -> Iterator[str]:
    yield "## Data"
    yield "\n".join(dict.fromkeys(f"- {_named(source)}" for source in _sources(run)))
    measured = f"measured on `{run.recipe.evaluation.split}`"
    split = model["settings"].get("split")
    student = run.recipe.student
    unlabelled = student.unlabelled if student is not None and model["settings"].get("teachers") else []
    others = f", and on `{'`, `'.join(unlabelled)}` without their answers" if unlabelled else ""
    others += "".join(_written(model["settings"]))
    yield f"Trained on `{split}`{others}; {measured}." if split else f"Taken as it is, not trained here; {measured}."
    splits = run.results["data"]["splits"].items()
    rows = [(name, *(f"{count:,}" for count in counts_of(found))) for name, found in splits]
    yield markdown_rows(("split", run.recipe.task.items, "unlabelled", "repaired", "dropped"), rows, left=1)


def _written(settings: Json) -> Iterator[str]:
    """Which texts that models wrote a student learnt."""
    if of := settings.get("completions.of"):
        yield f", and on what its teachers wrote after prompts of `{'`, `'.join(of.split(', '))}`"
    if of := settings.get("rounds.of"):
        count = settings["rounds.count"]
        times = "one round" if count == 1 else f"{count} rounds"
        yield f", then in {times} on what it wrote itself after prompts of `{'`, `'.join(of.split(', '))}`"


def _teachers(run: FinishedRun, model: ModelResults) -> Iterator[str]:
    if model["role"] == "teacher":
        return
    yield "## Teachers"
    names = [name for name in (model["settings"].get("teachers") or "").split(", ") if name]
    if not names:
        wrote = "completions.of" in model["settings"]
        yield "They wrote texts, which it learnt as they stand." if wrote else "None: it learnt from labels alone."
        return
    training = model["training"] or {}
    temperatures, weights = training.get("teacher_temperature") or {}, training.get("weights") or {}
    rows = [
        (
            name,
            _origin_of(run.recipe.teachers[name].model),
            f"{temperatures[name]:.2f}" if name in temperatures else NOTHING,
            f"{weights[name]['mean']:.2f} ± {weights[name]['std']:.2f}" if name in weights else NOTHING,
        )
        for name in names
    ]
    yield markdown_rows(("teacher", "model", "temperature", "weight"), rows, left=2)
    rule = _settings(model, "ensemble.")
    if rule:
        yield f"They were combined example by example: {', '.join(f'{name} `{value}`' for name, value in rule)}."


def _training(model: ModelResults) -> Iterator[str]:
    losses = _settings(model, "losses.")
    if losses:
        yield "## Losses"
        yield markdown_rows(("setting", "value"), losses, left=1)
    if model["training"] is None:
        return
    yield "## Training"
    own = [(name, _shown(value)) for name, value in model["settings"].items() if not name.startswith(_TAUGHT_BY)]
    done = [
        (name, _shown(round(value) if name == "seconds" else value))
        for name, value in model["training"].items()
        if isinstance(value, int | float)
    ]
    yield markdown_rows(("setting", "value"), [*own, *done], left=1)


def _results(run: FinishedRun, model: ModelResults, own: CardParts) -> Iterator[str]:
    found, settings = model["evaluation"] or {}, run.recipe.evaluation
    examples = (
        f" ({ENGLISH.counted(run.recipe.task.items, found['examples'])} with a label)" if "examples" in found else ""
    )
    threads = in_threads((model["latency"] or {}).get("threads", 1))
    computed = f" Models computed in {found['computed_in']}." if "computed_in" in found else ""
    yield "## Results"
    yield (
        f"{metrics_in_words(run.recipe.task.metrics)}, on `{settings.split}`{examples}, with 95 % intervals: percentile bootstrap, "
        f"{settings.bootstrap:,} resamples of the {run.recipe.task.items}.{computed} {own.results} Latency is that of one example "
        f"asked alone, on {threads} of the CPU, all models taking turns, when the run was measured."
    )
    yield markdown_rows(table_columns(run.results), table_rows(run.results), left=2)
    if run.results.get("comparisons"):
        task = summary_in(run.results)
        yield " ".join(run.results["conclusions"])
        yield markdown_rows(comparison_columns(task), comparison_rows(run.results["comparisons"], task), left=2)


def _forms(export: Json, writes: bool) -> Iterator[str]:
    yield "## Files, measured when they were exported"
    examples = max(form["examples"] for form in export["forms"].values())
    numbers = "tokens' log-probabilities" if writes else "logits"
    yield (
        f"All forms on `{export['split']}` ({ENGLISH.counted('examples', examples)}, intervals as above), with the same windows and decoding, on "
        "the CPU in fp32, int8 with weights of that kind. “Other answers” are "
        f"those that are not the PyTorch form's; then the largest difference between two {numbers}. Milliseconds are median / 95th "
        "percentile for one example asked alone, all forms taking turns."
    )
    yield markdown_rows(form_columns(export), form_rows(export), left=2)
    if said := cost(export["forms"], summary_in(export).metrics):
        yield f"{said}."
    yield from (f"**{problem[0].upper()}{problem[1:]}.**" for problem in export["problems"])


def _onnx_file(forms: Collection[str]) -> str | None:
    files = {"int8": "onnx/model_int8.onnx", "onnx": "onnx/model.onnx"}
    return next((file for form, file in files.items() if form in forms), None)


def _limits(run: FinishedRun, model: ModelResults, forms: Collection[str], own: CardParts) -> Iterator[str]:
    recipe = run.recipe
    limits = ["The intervals say nothing about other seeds, nor about texts of another kind than those measured."]
    limits += own.limits
    if model.get("transductive"):
        limits.append(f"It has read the {recipe.task.items} (not the answers) on which it is measured.")
    if not isinstance(recipe.data.source, Hub | Files):
        limits.append("The texts are generated: the figures say nothing about real text.")
    if GGUF in forms:
        limits.append(
            f"`{FILE}` was made by llama.cpp's converter; its figures are those of its weights as transformers reads them, and llama.cpp has not run it."
        )
    if "int8" in forms:
        limits.append(
            f"What the 8-bit file gains in time, and loses in {run.recipe.task.metrics[0].label}, depends on the processor."
        )
    yield "## Limits"
    yield "\n".join(f"- {limit}" for limit in limits)


def _sources(run: FinishedRun) -> list[Source]:
    data = run.recipe.data
    return [data.source, *(extra.source for extra in data.extra.values())]


def _languages(source: Source) -> list[str]:
    if not isinstance(source, Hub | Files):
        return list(getattr(source, "languages", ()))
    return hub_languages(source.id, source.revision) if isinstance(source, Hub) else []


def _named(source: Source) -> str:
    if isinstance(source, Hub):
        return f"[{source.id}](https://huggingface.co/datasets/{source.id}), revision `{source.revision}`"
    if isinstance(source, Files):
        paths = [source.path] if isinstance(source.path, str) else source.path.values()
        return f"files of the user's own: {', '.join(dict.fromkeys(f'`{Path(path).name}`' for path in paths))}"
    return str(getattr(source, "texts", "generated texts"))


def _section(run: FinishedRun, model: ModelResults) -> Own:
    return run.recipe.teachers[model["name"]] if model["role"] == "teacher" else run.recipe.student


def _base(run: FinishedRun, model: ModelSource | None) -> ModelSource | None:
    """What a model began as; of a teacher's layers what the teacher did."""
    return _base(run, run.recipe.teachers[model.teacher].model) if isinstance(model, LayersModel) else model


def _beginning(run: FinishedRun, model: ModelSource | None) -> str:
    """What a model began as, in words."""
    if isinstance(model, LayersModel):
        layers = ", ".join(map(str, model.layers))
        return f"layers {layers} of the teacher `{model.teacher}`, {_beginning(run, _base(run, model))}"
    if isinstance(model, HubModel):
        return f"[{model.id}](https://huggingface.co/{model.id}), revision `{model.revision}`"
    return _origin_of(model)


def _origin_of(model: ModelSource | None) -> str:
    if isinstance(model, HubModel):
        return model.id
    if isinstance(model, ConfigModel):
        return f"{model.architecture}, from random weights"
    if isinstance(model, FolderModel):
        return f"a saved model, `{Path(model.path).name}`"
    return NOTHING if model is None else f"layers of {model.teacher}"


def _settings(model: ModelResults, prefix: str) -> list[tuple[str, str]]:
    return [
        (name.removeprefix(prefix), _shown(value))
        for name, value in model["settings"].items()
        if name.startswith(prefix)
    ]


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return NOTHING if value is None else text
