"""What do exporting to ONNX and 8 bits gain, beside what distillation gains, at SberQuAD's sizes?

    OMP_NUM_THREADS=1 .venv/bin/python tests/benchmarks/export_speed.py [--rounds 15] [--length 384]

Architectures in full size with random weights: BERT-base as the teacher, DistilBERT as the student, in PyTorch, and the
student as an ONNX file and with 8-bit weights. One window at a time, on one thread, all forms in turn; ratios are taken
round by round.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from distil.framework.export.export import megabytes
from distil.framework.export.onnx_files import open_onnx, write_int8, write_onnx
from distil.framework.models.build import random_model
from distil.framework.models.configuration import new_config
from distil.framework.models.section import ConfigModel
from distil.framework.tables import markdown_rows
from distil.framework.tasks.span_qa.task import ExtractiveQA
from distil.launch.quiet import be_quiet, quiet_transformers

TEACHER = ("bert", 120_138, ("input_ids", "attention_mask", "token_type_ids"))
STUDENT = ("distilbert", 14_283, ("input_ids", "attention_mask"))


def main() -> None:
    """Export the student, time all forms, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--length", type=int, default=384)
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="export-") as scratch, torch.inference_mode():
        forms, sizes = _forms(Path(scratch), arguments.length)
        times = _times(forms, arguments.rounds)
    print(
        markdown_rows(("model", "form", "MB", "of the teacher's time", "of the student's"), _rows(times, sizes), left=2)
    )


def _forms(folder: Path, length: int) -> tuple[dict[tuple[str, str], Callable[[], object]], list[float]]:
    """Each form as a call for one window, and its size on disk in MB."""
    teacher, student = _model(TEACHER, folder / "teacher"), _model(STUDENT, folder / "student")
    onnx, int8 = folder / "onnx/model.onnx", folder / "onnx/model_int8.onnx"
    write_onnx(student, STUDENT[2], onnx)
    write_int8(onnx, int8)
    ran = {path: open_onnx(path, student.config, threads=1) for path in (onnx, int8)}
    one, other = _window(TEACHER, length), _window(STUDENT, length)
    forms = {
        ("BERT-base", "PyTorch"): lambda: teacher(**one),
        ("DistilBERT", "PyTorch"): lambda: student(**other),
        ("DistilBERT", "ONNX Runtime"): lambda: ran[onnx](**other),
        ("DistilBERT", "ONNX Runtime, 8 bit"): lambda: ran[int8](**other),
    }
    files = [[*(folder / name).glob("*.safetensors")] for name in ("teacher", "student")]
    return forms, [megabytes(*found) for found in (*files, [onnx], [int8])]


def _model(kind: tuple[str, int, Any], folder: Path) -> Any:
    architecture, tokens, _ = kind
    config = new_config(ConfigModel(kind="config", architecture=architecture, config={}), tokens, 0)
    model = random_model(ExtractiveQA(), config, seed=0).eval()
    model.save_pretrained(str(folder))
    return model


def _window(kind: tuple[str, int, Any], length: int) -> dict[str, Any]:
    import torch

    window = {name: torch.zeros((1, length), dtype=torch.int64) for name in kind[2]}
    window["input_ids"] += torch.randint(kind[1], (1, length), generator=torch.Generator().manual_seed(0))
    window["attention_mask"] += 1
    return window


def _times(forms: dict[tuple[str, str], Callable[[], object]], rounds: int) -> dict[tuple[str, str], list[float]]:
    """Seconds of every form in every round, after one that does not count."""
    times: dict[tuple[str, str], list[float]] = {name: [] for name in forms}
    for number in range(rounds + 1):
        for name, form in forms.items():
            begin = time.perf_counter()
            form()
            if number:
                times[name].append(time.perf_counter() - begin)
    return times


def _rows(times: dict[tuple[str, str], list[float]], sizes: list[float]) -> list[tuple[str, ...]]:
    teacher, student, *_ = times.values()
    return [
        (*name, f"{size:.0f}", _ratio(seconds, teacher), _ratio(seconds, student))
        for (name, seconds), size in zip(times.items(), sizes, strict=True)
    ]


def _ratio(seconds: list[float], other: list[float]) -> str:
    return f"{median(one / two for one, two in zip(seconds, other, strict=True)):.2f}"


if __name__ == "__main__":
    main()
