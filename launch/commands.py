"""The commands. Heavy imports wait until one needs them."""

from pathlib import Path
from typing import Annotated

import typer

from distil.launch.arguments import Columns, ModelName, Overrides, RecipePath, RunFolder, Source

app = typer.Typer(
    name="distil",
    help="Distil large models into a small one, from one YAML recipe.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"distil {version('multi-teacher-distil')}")
        raise typer.Exit


@app.callback()
def begin(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """See `app`, which says what distil is."""


@app.command()
def init(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A file of texts with labels, or a saved dataset.")],
    task: Annotated[
        str | None,
        typer.Option(
            "--task", metavar="KIND", help="extractive_qa, classification, tagging or text; default: as it looks."
        ),
    ] = None,
    field: Columns = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Write the recipe here; default: named as the data, with .yaml.")
    ] = None,
) -> None:
    """Write a first recipe for a data file, with comments."""
    from distil.launch.init import write_recipe

    write_recipe(data, task, field or [], output)


@app.command()
def run(recipe: RecipePath, overrides: Overrides = None) -> None:
    """Run a recipe from data to results. A run that was stopped goes on where it was."""
    from distil.launch.run import run_recipe

    run_recipe(recipe, overrides or [])


@app.command()
def label(
    recipe: RecipePath,
    overrides: Overrides = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            "--split", help="A split of `data`; several are allowed. Default: those that the student learns from."
        ),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Write into this folder; default: labels, in the run's.")
    ] = None,
    each_teacher: Annotated[
        bool, typer.Option("--each-teacher", help="Also write what each of several teachers says.")
    ] = False,
) -> None:
    """Ask a recipe's teachers, and write what they think together of each example, as JSON lines and parquet."""
    from distil.launch.label import label_recipe

    label_recipe(recipe, overrides or [], split or [], to, each_teacher)


@app.command()
def complete(
    recipe: RecipePath,
    overrides: Overrides = None,
    split: Annotated[str, typer.Option("--split", help="The split of `data` whose prompts are completed.")] = "train",
    to: Annotated[
        Path | None, typer.Option("--to", help="Write into this folder; default: completions, in the run's.")
    ] = None,
    count: Annotated[
        int, typer.Option("--count", min=1, max=1000, help="Completions of a prompt by each teacher; 1: the likeliest.")
    ] = 1,
    temperature: Annotated[
        float | None, typer.Option("--temperature", min=0.01, max=100, help="At which several are drawn; default: 1.")
    ] = None,
) -> None:
    """Have a recipe's teachers complete prompts, and write of each the completion that they agree on, as JSON lines."""
    from distil.launch.complete import complete_recipe

    complete_recipe(recipe, overrides or [], split, to, count, temperature)


@app.command()
def search(recipe: RecipePath, overrides: Overrides = None) -> None:
    """Search for the best values at some places of a recipe, as its section `search` says, or go on with it."""
    from distil.launch.search import search_recipe

    search_recipe(recipe, overrides or [])


@app.command()
def best(
    run: RunFolder,
    to: Annotated[Path | None, typer.Option("--to", help="Copy the student into this new folder.")] = None,
    trial: Annotated[int | None, typer.Option("--trial", help="Another trial than the best.")] = None,
) -> None:
    """Print the recipe of a search's best trial."""
    from distil.launch.inspect import show_best

    show_best(run, to, trial)


@app.command()
def export(
    run: RunFolder,
    to: Annotated[Path, typer.Option("--to", help="Put everything into this new folder.")],
    model: ModelName = None,
    no_onnx: Annotated[bool, typer.Option("--no-onnx", help="Without ONNX files.")] = False,
    gguf: Annotated[
        str | None,
        typer.Option(
            "--gguf",
            metavar="CONVERTER",
            help="With a GGUF file of 8 bits, by llama.cpp's convert_hf_to_gguf.py: its path, or name on PATH.",
        ),
    ] = None,
) -> None:
    """Put a model into a folder for others: safetensors, ONNX, 8 bit, all measured, with a model card."""
    from distil.launch.export import export_run

    export_run(run, to, model, with_onnx=not no_onnx, gguf=gguf)


@app.command()
def push(
    source: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="The folder of a run or of a search, or one that `distil export` made."),
    ],
    repository: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="A repository of the hub, new or one's own.")],
    model: ModelName = None,
    no_onnx: Annotated[bool, typer.Option("--no-onnx", help="Without ONNX files.")] = False,
    public: Annotated[bool, typer.Option("--public", help="For everybody to read; default: private.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = False,
) -> None:
    """Put a model on the Hugging Face hub, with its card; it is exported first."""
    from distil.launch.push import push as push_model

    push_model(source, repository, model, not no_onnx, public, dry_run)


@app.command()
def resume(run: RunFolder) -> None:
    """Go on with a run or a search that was stopped."""
    from distil.launch.search import resume as resume_run

    resume_run(run)


@app.command()
def plan(recipe: RecipePath, overrides: Overrides = None) -> None:
    """Show the stages of a recipe, what is done already, parameters and memory, and do nothing."""
    from distil.launch.plan import show_plan

    show_plan(recipe, overrides or [])


@app.command()
def rehearse(recipe: RecipePath, overrides: Overrides = None) -> None:
    """Try a recipe's models out on a few questions, those of the hub with random weights, and estimate time, memory, disk."""
    from distil.launch.run import run_recipe

    run_recipe(recipe, [*(overrides or []), "rehearse=true"])


@app.command()
def evaluate(
    source: Source,
    data: Annotated[
        Path, typer.Option("--data", help="Questions with answers, in any format that a recipe's files may have.")
    ],
    model: ModelName = None,
    field: Columns = None,
    predictions: Annotated[Path | None, typer.Option("--predictions", help="Write the predictions here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a model on a file of questions: its task's metrics with intervals."""
    from distil.launch.evaluate import evaluate_model

    evaluate_model(source, model, data, field or [], predictions, as_json)


@app.command(
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    help="Ask a model once: a question about a text, say. `distil answer --help` names the options of every task.",
)
def answer(arguments: Annotated[list[str] | None, typer.Argument(metavar="RUN [OPTIONS]")] = None) -> None:
    """See launch/answer.py, whose options are the tasks'."""
    from distil.launch.answer import answer as ask

    ask(arguments or [])


@app.command()
def serve(
    source: Source,
    model: ModelName = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one.")] = 8000,
    host: Annotated[str, typer.Option("--host", help="The address to listen at.")] = "127.0.0.1",
) -> None:
    """Open a local page on which students, teachers and the ensemble answer questions."""
    from distil.launch.serve import serve as serve_models

    serve_models(source, model, host, port)


@app.command()
def report(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="RUN...", help="The folder of a run; with --paper several, or none.")
    ] = None,
    paper: Annotated[
        bool,
        typer.Option("--paper", help="Show the paper's table beside what these runs, or all tracked ones, measured."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: results.json, or the paper's table.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table in Markdown.")] = False,
    html: Annotated[
        bool, typer.Option("--html", help="Write a page with tables, plots and answers of a run or a search.")
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Where --html writes the page; default: report.html in the run's folder."),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="The language of the page: en (the default) or ru.")
    ] = None,
) -> None:
    """Show the results of a run again, or those of all runs beside the paper's, or write them as a page."""
    from distil.launch.inspect import show

    show(runs or [], paper, as_json, markdown, html, to, language)


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables in Markdown.")] = False,
) -> None:
    """Compare models of several runs: of one recipe with several seeds, or of several recipes."""
    from distil.framework.errors import UserError

    if as_json and markdown:
        raise UserError("--json and --markdown print the same in two forms; drop one of them")
    from distil.launch.compare import compare_runs_at

    compare_runs_at(runs, as_json, markdown)


@app.command()
def schema() -> None:
    """Print the JSON schema of recipes, with which editors complete and check them."""
    import json

    from distil.framework.recipe.load import recipe_schema

    print(json.dumps(recipe_schema(), ensure_ascii=False, indent=2))


@app.command()
def track(run: RunFolder) -> None:
    """Send to MLflow what it has not got yet of a run."""
    from distil.launch.inspect import track_run

    track_run(run)
