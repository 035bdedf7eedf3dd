"""TextBrewer's half of tests/benchmarks/beside_textbrewer.py: it distils in a loop as its documentation writes one.

    PYTHONPATH=brewer .venv/bin/python tests/benchmarks/textbrewer_loop.py FOLDER --to STUDENT --teachers 3 --epochs 2 [--length 384] [--fused] [--cached]

FOLDER is what beside_textbrewer.py has prepared. Windows, gold positions and the filling up of batches are those of this project, so that
both read the same; batches are drawn by PyTorch's DataLoader.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from textbrewer import (  # type: ignore[import-not-found]
    BasicDistiller,
    DistillationConfig,
    GeneralDistiller,
    MultiTeacherDistiller,
    TrainingConfig,
)
from torch.utils.data import DataLoader
from transformers import AutoModelForQuestionAnswering, AutoTokenizer, get_linear_schedule_with_warmup

from distil.framework.training.engine import parameter_groups
from distil.framework.training.items import model_inputs
from distil.framework.training.section import Training
from distil.launch.quiet import be_quiet, quiet_transformers
from tests.benchmarks.beside_textbrewer import KL_WEIGHT, LABEL_WEIGHT, TEMPERATURE, TRAINING, training_items


def main() -> None:
    """Distil once, and keep the student."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--teachers", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--length", type=int, default=None, help="Tokens of every window; else of a batch's longest.")
    parser.add_argument("--fused", action="store_true", help="AdamW in one kernel")
    parser.add_argument("--cached", action="store_true", help="TextBrewer's is_caching_logits")
    arguments = parser.parse_args()
    be_quiet()
    quiet_transformers()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    os.chdir(arguments.to)
    student = _model(arguments.folder / "student").train()
    teachers = [_model(arguments.folder / f"teacher-{number}").eval() for number in range(arguments.teachers)]
    _distil(arguments, student, teachers)
    student.save_pretrained(arguments.to)


def _distil(arguments: argparse.Namespace, student: Any, teachers: list[Any]) -> None:
    batches = _batches(arguments.folder, arguments.length)
    distilling = DistillationConfig(
        temperature=TEMPERATURE,
        kd_loss_weight=KL_WEIGHT * TEMPERATURE**2 / 2,  # its losses of start and end are summed, those of labels halved
        hard_label_weight=LABEL_WEIGHT,
        is_caching_logits=arguments.cached,
    )
    settings = TrainingConfig(device="cpu", output_dir=str(arguments.to / "saved"))
    if len(teachers) > 1:
        distiller = MultiTeacherDistiller(settings, distilling, teachers, student, _teacher_says, _student_says)
    else:  # GeneralDistiller is recommended for one teacher, but keeps no logits
        kind = BasicDistiller if arguments.cached else GeneralDistiller
        distiller = kind(settings, distilling, teachers[0], student, _teacher_says, _student_says)
    optimizer = torch.optim.AdamW(
        [group.settings for group in parameter_groups(student, Training(weight_decay=TRAINING["weight_decay"]))],
        lr=TRAINING["lr"],
        fused=arguments.fused or None,
    )
    steps = len(batches) * arguments.epochs
    with distiller:
        distiller.train(
            optimizer,
            batches,
            num_epochs=arguments.epochs,
            scheduler_class=get_linear_schedule_with_warmup,
            scheduler_args={
                "num_warmup_steps": round(TRAINING["warmup"] * steps),
                "num_training_steps": steps,
            },
            max_grad_norm=TRAINING["clip"],
        )


def _model(folder: Path) -> Any:
    return AutoModelForQuestionAnswering.from_pretrained(folder)


def _batches(folder: Path, length: int | None) -> "DataLoader[int]":
    items = training_items(folder / "train.json", AutoTokenizer.from_pretrained(folder / "student"))

    def filled(drawn: list[int]) -> dict[str, Any]:
        rows = np.asarray(drawn)
        start, end = torch.from_numpy(items.positions[rows].astype(np.int64)).unbind(1)
        inputs = model_inputs(items.features, rows, items.pad_id, length)
        return {**inputs, "start_positions": start, "end_positions": end}

    numbers: Any = range(len(items.features.lengths))
    return DataLoader(numbers, batch_size=TRAINING["batch_size"], shuffle=True, collate_fn=filled)


def _teacher_says(batch: Any, outputs: Any) -> dict[str, Any]:
    return {"logits": (outputs.start_logits, outputs.end_logits)}


def _student_says(batch: Any, outputs: Any) -> dict[str, Any]:
    return {**_teacher_says(batch, outputs), "losses": (outputs.loss,)}


if __name__ == "__main__":
    main()
