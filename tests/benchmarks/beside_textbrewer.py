"""What does a distillation cost here, and with TextBrewer? Processor time of whole processes.

    .venv/bin/pip install --no-deps --target brewer textbrewer
    PYTHONPATH=brewer .venv/bin/python tests/benchmarks/beside_textbrewer.py FILE.json [--teachers 1 3] [--epochs 1 2] [--rounds 1] [--ways distil ...]

TextBrewer is no dependency of distil; with tqdm and tensorboardX beside torch, it runs. FILE.json is in SQuAD's form; of its questions as
many as `--questions` says are taken, from all its paragraphs by turns. Teachers and student are BERTs with random weights, from the same
folders for both, and learn and teach the same: cross-entropy with the gold positions, and with what the teachers say at a temperature
(of several teachers the mean of logits, which here is `rule: geometric`), the same number of steps of the same batch size, AdamW,
clipping, schedule, one thread. distil is the whole command `distil run`, with one question to evaluate, in float32 as TextBrewer is,
and in bf16. TextBrewer is a process that does what its documentation does: with batches as long as the longest window in them
(`dynamic`, also with fused AdamW, and with logits kept in memory by `is_caching_logits`), and with windows of 384 tokens (`padded`).

Processes take turns, and each one's processor time is what the system counted for it and its children. Afterwards both students are
measured: loss on labels, and KL from the teachers, on what they were trained on.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain, islice, zip_longest
from pathlib import Path
from statistics import median
from typing import Any

import torch
import yaml

from distil.framework.data.features import WindowSettings
from distil.framework.data.section import Data
from distil.framework.data.window_cache import split_features
from distil.framework.models.section import TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer
from distil.framework.tables import markdown_rows
from distil.framework.tasks.span_qa.items import TrainingItems
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.training.items import model_inputs
from distil.launch.quiet import be_quiet, quiet_transformers
from tests.questions import load

KL_WEIGHT = LABEL_WEIGHT = 0.5
TEMPERATURE = 2.0
TRAINING = {"lr": 1e-4, "batch_size": 16, "warmup": 0.1, "weight_decay": 0.01, "clip": 1.0}
WINDOWS = {"max_length": 384, "doc_stride": 128}
_WAYS: dict[str, list[str]] = {
    "distil": ["fp32"],
    "distil, bf16": ["bf16"],
    "dynamic": [],
    "dynamic, fused": ["--fused"],
    "dynamic, kept logits": ["--cached"],
    "padded": ["--length", str(WINDOWS["max_length"])],
}


def main() -> None:
    """Prepare models and questions, run every way by turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--teachers", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ways", nargs="+", choices=list(_WAYS), default=list(_WAYS))
    parser.add_argument("--questions", type=int, default=240)
    parser.add_argument("--width", type=int, default=192)
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    _check_installed()
    folder = Path(tempfile.mkdtemp(prefix="textbrewer-"))
    _prepare(folder, arguments.file, arguments.questions, arguments.width, max(arguments.teachers))
    rows = []
    for teachers in arguments.teachers:
        seconds: dict[str, list[float]] = {way: [] for way in arguments.ways}
        for epochs in arguments.epochs:
            found = _by_turns(folder, arguments.ways, teachers, epochs, arguments.rounds)
            for way, (times, learnt) in found.items():
                seconds[way].append(median(times))
                rows.append([str(teachers), str(epochs), way, f"{median(times):.1f}", learnt])
        if len(arguments.epochs) > 1:
            more = arguments.epochs[-1] - arguments.epochs[0]
            rows += [
                [str(teachers), "each more", way, f"{(times[-1] - times[0]) / more:.1f}", ""]
                for way, times in seconds.items()
            ]
    first = {(row[0], row[1]): float(row[3]) for row in rows if row[2] == arguments.ways[0]}
    shown = [[*row[:4], f"{float(row[3]) / first[row[0], row[1]]:.2f}", row[4]] for row in rows]
    names = ["teachers", "epochs", "way", "processor s", f"÷ {arguments.ways[0]}", "loss on labels, KL"]
    print(markdown_rows(names, shown, left=3))


def _by_turns(
    folder: Path, ways: Sequence[str], teachers: int, epochs: int, rounds: int
) -> dict[str, tuple[list[float], str]]:
    """Of each way the seconds of its rounds, and what its last student has learnt."""
    found: dict[str, tuple[list[float], str]] = {way: ([], "") for way in ways}
    for _ in range(rounds):
        for way in ways:
            to = Path(tempfile.mkdtemp(prefix="way-", dir=folder))
            run = _distil if way.startswith("distil") else _textbrewer
            seconds, student = run(_WAYS[way], folder, to, teachers, epochs)
            found[way] = ([*found[way][0], seconds], _learnt(folder, student, teachers))
            print(f"{teachers} teachers, {epochs} epochs, {way}: {seconds:.1f} s; {found[way][1]}", flush=True)
    return found


def _check_installed() -> None:
    try:
        import textbrewer  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        sys.exit(
            "TextBrewer is not here: .venv/bin/pip install --no-deps --target brewer textbrewer, and PYTHONPATH=brewer before the command"
        )


def _prepare(folder: Path, file: Path, count: int, width: int, teachers: int) -> None:
    """Leave questions and models in the folder."""
    from transformers import BertConfig, BertForQuestionAnswering

    paragraphs = [part for article in json.loads(file.read_text())["data"] for part in article["paragraphs"]]
    chosen = list(islice(_spread(paragraphs), count))
    for name, given in (("train", chosen), ("dev", chosen[:1])):
        (folder / f"{name}.json").write_text(json.dumps({"data": [{"paragraphs": given}]}, ensure_ascii=False))
    texts = [text for part in paragraphs for text in (part["context"], *(qa["question"] for qa in part["qas"]))]
    tokenizer = train_tokenizer(TrainedTokenizer(kind="wordpiece", vocab_size=12_000), texts)
    for number, name in enumerate(["student", *(f"teacher-{number}" for number in range(teachers))]):
        torch.manual_seed(number)
        layers = 3 if name == "student" else 6
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=max(1, width // 64),
            intermediate_size=4 * width,
        )
        BertForQuestionAnswering(config).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    lengths = training_items(folder / "train.json", tokenizer).features.lengths
    print(f"{len(chosen)} questions, {len(lengths)} windows of {lengths.mean():.0f} tokens on average")


def _spread(paragraphs: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every question with its paragraph: first each paragraph's first, then each one's second, and so on."""
    single = [[{**part, "qas": [one]} for one in part["qas"]] for part in paragraphs]
    return (one for one in chain.from_iterable(zip_longest(*single)) if one is not None)


def training_items(file: Path, tokenizer: Any) -> TrainingItems:
    """Windows of a SQuAD file's questions, with gold positions."""
    data = {"source": {"kind": "files", "path": {"train": str(file)}}, "splits": {"train": "train"}}
    split = load(Data.model_validate(data))["train"]
    windows: Any = split_features(ExtractiveQA(), split, tokenizer, WindowSettings.model_validate(WINDOWS))
    return ExtractiveQA().training_items(split.examples, windows, int(tokenizer.pad_token_id), None, (), eager=True)


def _distil(precision: Sequence[str], folder: Path, to: Path, teachers: int, epochs: int) -> tuple[float, Path]:
    """Seconds of `distil run`, and its student. precision: its name alone."""
    values: dict[str, Any] = {
        "name": "beside",
        "output": str(to),
        "data": {
            "source": {"kind": "files", "path": {name: str(folder / f"{name}.json") for name in ("train", "dev")}},
            "splits": {"train": "train", "dev": "dev"},
        },
        "windows": WINDOWS,
        "teachers": {
            f"teacher-{number}": {
                "kind": "encoder",
                "model": {"kind": "folder", "path": str(folder / f"teacher-{number}")},
            }
            for number in range(teachers)
        },
        "student": {"model": {"kind": "folder", "path": str(folder / "student")}, "epochs": epochs, **TRAINING},
        "losses": {"kl": {"weight": KL_WEIGHT, "temperature": TEMPERATURE}, "hard_label": {"weight": LABEL_WEIGHT}},
        "engine": {"workers": 1, "threads": 1, "precision": precision[0]},
        "evaluation": {"latency_questions": 0, "during_training": False},
        "tracking": {"log_models": False},
        **({"ensemble": {"rule": "geometric"}} if teachers > 1 else {}),
    }
    (to / "recipe.yaml").write_text(yaml.safe_dump(values))
    seconds = _processor_time([Path(sys.executable).with_name("distil"), "run", to / "recipe.yaml"], to)
    (results,) = to.glob("beside-*/results.json")
    return seconds, to / json.loads(results.read_text())["models"][-1]["folder"]


def _textbrewer(options: Sequence[str], folder: Path, to: Path, teachers: int, epochs: int) -> tuple[float, Path]:
    script = Path(__file__).with_name("textbrewer_loop.py")
    given = ["--to", to, "--teachers", teachers, "--epochs", epochs, *options]
    return _processor_time([sys.executable, script, folder, *given], to), to


def _processor_time(command: Sequence[object], to: Path) -> float:
    """Seconds of user and system time of a process and its children."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    with (to / "said.txt").open("wb") as said:
        process = subprocess.Popen([str(part) for part in command], env=environment, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command} failed:\n{(to / 'said.txt').read_text()[-3000:]}")
    return usage.ru_utime + usage.ru_stime


def _learnt(folder: Path, student: Path, teachers: int) -> str:
    """Mean loss of a student on the labels, and KL from its teachers' mean logits, over the tokens of the context."""
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    items = training_items(folder / "train.json", AutoTokenizer.from_pretrained(folder / "student"))
    folders = [student, *(folder / f"teacher-{number}" for number in range(teachers))]
    models = [AutoModelForQuestionAnswering.from_pretrained(path).eval() for path in folders]
    sums = torch.zeros(2, dtype=torch.float64)
    order = items.features.lengths.argsort()
    for at in range(0, len(order), 16):
        rows = order[at : at + 16]
        inputs, targets = model_inputs(items.features, rows, items.pad_id), items.targets(rows, True, 0)
        with torch.no_grad():
            outputs = [model(**inputs) for model in models]
        mine, *theirs = [
            torch.stack([one.start_logits, one.end_logits], 1).masked_fill(~targets.mask[:, None], -1e30)
            for one in outputs
        ]
        gold = -mine.log_softmax(-1).gather(-1, targets.position[..., None]).squeeze(-1).mean(1)
        teacher = (torch.stack(theirs).mean(0) / TEMPERATURE).softmax(-1)
        apart = teacher.xlogy(teacher) - teacher * (mine / TEMPERATURE).log_softmax(-1)
        sums += torch.stack([gold.sum(), apart.sum(-1).mean(1).sum()])
    label, kl = (sums / len(order)).tolist()
    return f"{label:.3f}, {kl:.4f}"


if __name__ == "__main__":
    main()
