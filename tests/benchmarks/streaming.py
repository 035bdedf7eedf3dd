"""What does it cost to have the teacher asked before, beside, or inside the student's training?

    .venv/bin/python tests/benchmarks/streaming.py [--rounds 3] [--hidden 128] [--layers 2] [--light 1] [--heavy 6]

One student, one epoch of the same batches, a teacher with `light` and one with `heavy` times the student's layers, both
with random weights. Each round runs all ways in turn, and speeds are compared within a round. Measured are the steps
alone, after everything is loaded; `precomputed` counts none of the teacher's work, `collected first` all of it.
"""

import argparse
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from distil.framework.data.batches import epoch_steps
from distil.framework.models.tokenizers import load_model_tokenizer
from distil.framework.progress import SILENT
from distil.framework.recipe.load import recipe_from_values
from distil.framework.run import prepare
from distil.framework.signals.algebra import Signals
from distil.framework.signals.collect import collect
from distil.framework.signals.shards import Keyed, SignalReader, as_stored, row_key
from distil.framework.signals.source import OneTeacher, TeacherSignals
from distil.framework.signals.teacher_pass import Ask, Streamer, TeacherPass
from distil.framework.store import Store
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.windows import cut_windows
from distil.framework.training.distillation import Distillation
from distil.framework.training.history import Report
from distil.framework.training.job import TrainingJob
from distil.framework.training.loop import train_in_process
from distil.launch.quiet import be_quiet, quiet_transformers
from distil.launch.ray_cluster import ray_cluster
from distil.launch.streaming import streamer_for
from tests.tiny import tiny_values


@dataclass
class InStudentsProcess:
    """A teacher that is asked about a batch when the student gets to it, by the student's own process."""

    ask: Ask
    top_k: int
    _coming: "deque[list[QAExample]]" = field(default_factory=deque)
    _at_hand: Keyed = field(default_factory=Keyed)

    def prefetch(self, batches: Sequence[Sequence[QAExample]]) -> None:
        """See TeacherSignals."""
        self._coming = deque(list({row_key(one): one for one in batch}.values()) for batch in batches)

    def signals(self, examples: Sequence[QAExample]) -> Signals:
        """See TeacherSignals."""
        keys = [row_key(example) for example in examples]
        while not all(key in self._at_hand.places for key in keys):
            batch = self._coming.popleft()
            self._at_hand = Keyed()
            self._at_hand.add([row_key(one) for one in batch], as_stored(self.ask(batch, []), self.top_k))
        return self._at_hand.signals(keys)


@dataclass(frozen=True)
class Bench:
    """Everything that the ways to train have in common. train: seconds of the steps with a teacher's signals."""

    teacher_pass: TeacherPass
    stream: Streamer
    train: Callable[[TeacherSignals, bool], float]


def main() -> None:
    """Run all ways in turn, for both teachers, and print speeds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2, help="the student's")
    parser.add_argument("--light", type=int, default=1, help="times the student's layers")
    parser.add_argument("--heavy", type=int, default=6, help="times the student's layers")
    parser.add_argument("--questions", type=int, default=320)
    parser.add_argument("--ahead", type=int, default=4)
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    print(f"{'teacher':8s} {'way':16s} {'seconds (min, median, max)':>28s} {'÷ in process: median':>22s}")
    with ray_cluster(SILENT):
        for name, times in (("light", arguments.light), ("heavy", arguments.heavy)):
            bench = _bench(arguments, times * arguments.layers)
            _round(bench)  # the first pays for what is loaded once
            rounds = [_round(bench) for _ in range(arguments.rounds)]
            for way in rounds[0]:
                seconds = sorted(found[way] for found in rounds)
                ratio = median(found["in process"] / found[way] for found in rounds)
                timing = f"{seconds[0]:.2f} {median(seconds):.2f} {seconds[-1]:.2f}"
                print(f"{name:8s} {way:16s} {timing:>28s} {ratio:>21.2f}x", flush=True)


def _round(bench: Bench) -> dict[str, float]:
    """Seconds of every way once."""
    teacher_pass, settings = bench.teacher_pass, bench.teacher_pass.settings
    found = {"in process": bench.train(InStudentsProcess(teacher_pass.open(), settings.top_k), False)}
    with _fresh(teacher_pass) as fresh, bench.stream([fresh]) as streams:
        signals = streams[str(fresh.folder)]
        signals.signals(fresh.examples[-1:])  # once it has answered, the teacher is loaded
        found["streamed"] = bench.train(signals, False)
    with _fresh(teacher_pass) as fresh:
        fresh.folder.mkdir()
        ask, began = fresh.open(), time.monotonic()
        collect(fresh.folder, fresh.examples, lambda: ask, settings, SILENT, "")
        collecting = time.monotonic() - began
        found["precomputed"] = bench.train(SignalReader(fresh.folder), True)
    found["collected first"] = found["precomputed"] + collecting
    return found


@contextmanager
def _fresh(teacher_pass: TeacherPass) -> Iterator[TeacherPass]:
    """The pass with a folder that is not there yet."""
    with tempfile.TemporaryDirectory() as folder:
        yield replace(teacher_pass, folder=Path(folder) / "signals")


def _bench(arguments: argparse.Namespace, teacher_layers: int) -> Bench:
    hidden = arguments.hidden
    teacher = {
        "hidden_size": hidden,
        "num_hidden_layers": teacher_layers,
        "num_attention_heads": 4,
        "intermediate_size": 4 * hidden,
    }
    student = {"dim": hidden, "n_layers": arguments.layers, "n_heads": 4, "hidden_dim": 4 * hidden}
    values = tiny_values(
        Path(tempfile.mkdtemp(prefix="streaming-")),
        data__source__examples={"train": arguments.questions, "validation": 24},
        data__source__persons=4,
        data__source__facts=6,
        data__source__fillers=1,
        windows={"max_length": 384, "doc_stride": 128},
        baselines=None,
        teachers__teacher__model__config=teacher,
        student__model={"kind": "config", "architecture": "distilbert", "config": student},
        student__epochs=1,
        signals={"mode": "streamed", "ahead": arguments.ahead},
        engine__threads=None,
    )
    recipe = recipe_from_values(values, "streaming")
    stream = streamer_for(recipe, SILENT)
    assert stream is not None
    assert recipe.student is not None
    context, graph = prepare(recipe, stream=stream)
    for model in graph.models:
        for stage in (model.tokenizer, model.initial):
            assert stage is not None
            context.store.produce(stage.key, stage.make)
    untrained, learner = (model.initial.folder(context.store) / "model" for model in graph.models)
    (found,) = graph.collections.values()
    tokenizer = load_model_tokenizer(learner)
    examples = found.teacher_pass.examples
    windows = cut_windows(examples, tokenizer, recipe.windows)
    temperatures = sorted({loss.temperature for loss in recipe.losses.values() if loss.source == "signal"})
    print(
        f"{len(windows)} windows of {windows.lengths.mean():.0f} tokens on average, batch {recipe.student.batch_size}"
    )

    def train(signals: TeacherSignals, eager: bool) -> float:
        pad_id = int(tokenizer.pad_token_id)
        items = recipe.task.training_items(examples, windows, pad_id, OneTeacher(signals), temperatures, eager)
        output = Path(tempfile.mkdtemp(prefix="job-"))
        job = TrainingJob(
            objective=Distillation(recipe.task, items, recipe.losses, seed=0),
            initial=learner,
            output=output,
            training=recipe.student,
            engine=recipe.engine,
            precision="fp32",
            workers=1,
            seed=0,
            steps=epoch_steps(len(items.features.lengths), recipe.student.batch_size) * recipe.student.epochs,
            store=Store(output),
        )
        marks: list[float] = []

        def report(row: Report) -> Any:
            if row.kind in ("resume", "step"):
                marks.append(time.monotonic())

        train_in_process(job, report)
        return marks[-1] - marks[0]

    return Bench(replace(found.teacher_pass, models=(untrained,)), stream, train)


if __name__ == "__main__":
    main()
