"""What do signals cost? Milliseconds a question, on made-up questions of SberQuAD's number and lengths.

    .venv/bin/python tests/benchmarks/signals.py [--questions 45328] [--folder FOLDER]

Three teachers with random logits over the tokens of one tokenizer, a student with another: cutting windows, writing signals
from logits, storing them, reading them back into the student's tokens (one teacher, and three by a rule), and the figures that
are noted about them. Times are of the process's own CPU, on one thread.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from distil.framework.data.features import WindowSettings
from distil.framework.ensembles.rules import Agreement, Confidence, LabelAware
from distil.framework.ensembles.source import EnsembleSource, weight_figures
from distil.framework.models.section import TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer
from distil.framework.progress import SILENT
from distil.framework.signals.algebra import Signals
from distil.framework.signals.collect import collect
from distil.framework.signals.section import SignalSettings
from distil.framework.signals.shards import SignalReader
from distil.framework.signals.source import OneTeacher, in_chunks
from distil.framework.signals.steps import OneStep
from distil.framework.tasks.span_qa.data import Answer, QAExample
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.framework.tasks.span_qa.windows import Windows, cut_windows

LETTERS = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфёъ"
A_PARAGRAPH = 5  # questions
TASK = ExtractiveQA()


def made_up(count: int) -> list[QAExample]:
    """Questions with an answer of three words in a paragraph of about 100 words."""
    random = np.random.default_rng(0)
    shares = 1 / np.arange(1, len(LETTERS) + 1)
    words = [
        "".join(random.choice(list(LETTERS), max(1, random.poisson(6)), p=shares / shares.sum())) for _ in range(4000)
    ]
    examples: list[QAExample] = []
    while len(examples) < count:
        paragraph = [str(word) for word in random.choice(words, random.integers(75, 125))]
        context = " ".join(paragraph) + "."
        for _ in range(A_PARAGRAPH):
            first = int(random.integers(0, len(paragraph) - 3))
            answer = Answer(" ".join(paragraph[first : first + 3]), len(" ".join([*paragraph[:first], ""])))
            question = " ".join(random.choice(words, 9)) + "?"
            examples.append(QAExample(str(len(examples)), context, question, (answer,)))
    return examples[:count]


def logits_of(windows: Windows, seed: int) -> list[Any]:
    """Random logits [2, tokens] of every window."""
    random = np.random.default_rng(seed)
    drawn = (random.normal(size=(2, len(windows.input_ids))) * 3).astype(np.float32)
    return [drawn[:, begin:end] for begin, end in zip(windows.rows[:-1], windows.rows[1:], strict=True)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=45_328)
    parser.add_argument("--folder", type=Path, default=None, help="For the store; default: a temporary one.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        _measure(made_up(arguments.questions), arguments.folder or Path(temporary))


def _measure(examples: list[QAExample], folder: Path) -> None:
    def timed(name: str, work: Callable[[], Any]) -> Any:
        begin = time.process_time()
        result = work()
        print(f"| {name} | {1000 * (time.process_time() - begin) / len(examples):.4f} |", flush=True)
        return result

    teacher, student = (_tokenizer(examples, size) for size in (8000, 3000))
    windows = cut_windows(examples, teacher, WindowSettings())
    print(f"{len(examples)} questions, {windows.lengths.mean():.0f} tokens a window on average\n")
    print("| | ms a question |\n| --- | ---: |")
    of_student = timed("windows", lambda: cut_windows(examples, student, WindowSettings()))
    settings, readers = SignalSettings(), {}
    for seed, name in enumerate("abc"):
        logits, path = logits_of(windows, seed), folder / name
        path.mkdir(parents=True)
        if name == "a":
            timed("writing", partial(_write_all, examples, windows, logits))
        figures = _stored(path, examples, _written_in_turn(examples, windows, logits), settings)
        readers[name] = timed(f"opening the store of {name}", partial(SignalReader, path))
    own = dict.fromkeys(readers, 1.0)
    rules = {
        rule.rule: EnsembleSource(rule, readers, own, {}, TASK) for rule in (Agreement(), Confidence(), LabelAware())
    }

    def read(source: Any) -> Any:
        return TASK.training_items(examples, of_student, 0, source, [2.0], eager=True)

    timed("gold positions alone", lambda: read(None))
    timed("reading one teacher", lambda: read(OneTeacher(readers["a"])))
    for rule, source in rules.items():
        timed(f"reading three teachers, {rule}", partial(read, source))
        timed(f"weights of three teachers, {rule}", partial(weight_figures, source, examples))
    timed("moved_mass of one teacher", lambda: TASK.moved_mass(examples, of_student, readers["a"]))
    print(f"\n{figures['bytes_per_example']:.1f} bytes a question on disk")


def _stored(
    folder: Path, examples: list[QAExample], written: Iterator[Signals], settings: SignalSettings
) -> dict[str, float]:
    return collect(folder, examples, lambda: OneStep(lambda part, _: next(written)), settings, SILENT, "collect")


def _tokenizer(examples: list[QAExample], size: int) -> Any:
    texts = [example.context for example in examples[: 1000 * A_PARAGRAPH : A_PARAGRAPH]]
    return train_tokenizer(TrainedTokenizer(kind="wordpiece", vocab_size=size), texts)


def _write_all(examples: list[QAExample], windows: Windows, logits: list[Any]) -> None:
    for _ in _written_in_turn(examples, windows, logits):
        pass


def _written_in_turn(examples: list[QAExample], windows: Windows, logits: list[Any]) -> Iterator[Signals]:
    return (_written(examples, windows, logits, part) for part in _shards(examples))


def _shards(examples: list[QAExample]) -> list[range]:
    return [range(part[0], part[-1] + 1) for part in in_chunks(range(len(examples)), 1024)]


def _written(examples: list[QAExample], windows: Windows, logits: list[Any], part: range) -> Signals:
    """The signals about some of the examples, as they are written a shard at a time."""
    rows = np.flatnonzero((windows.example >= part[0]) & (windows.example <= part[-1]))
    tokens = slice(int(windows.rows[rows[0]]), int(windows.rows[rows[-1] + 1]))
    those = Windows(
        rows=windows.rows[rows[0] : rows[-1] + 2] - windows.rows[rows[0]],
        input_ids=windows.input_ids[tokens],
        token_types=None,
        support=windows.support[tokens],
        spans=windows.spans[tokens],
        best=windows.best[tokens],
        null=windows.null[rows],
        example=windows.example[rows] - part[0],
        reach=windows.reach[rows],
    )
    return TASK.write_signals([examples[number] for number in part], those, logits[rows[0] : rows[-1] + 1])


if __name__ == "__main__":
    main()
