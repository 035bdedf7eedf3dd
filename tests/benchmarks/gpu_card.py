"""What a GPU can do, and what the parts of `gpu.py` share."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from distil.framework.data.section import Data
from distil.framework.models.section import TrainedTokenizer
from distil.framework.models.tokenizer_training import train_tokenizer
from tests.questions import load
from tests.tiny import tiny_values

SBERQUAD = 45_328  # questions of its training split, most of which are one window
_PRODUCTS = ((768, 768), (768, 3072), (3072, 768))  # those of a DistilBERT: in, out


@dataclass(frozen=True)
class Card:
    """A folder for all that is written, and whether everything is to be in miniature, on a CPU."""

    folder: Path
    dry: bool

    @property
    def device(self) -> torch.device:
        """The GPU, or the CPU of a dry run."""
        return torch.device("cpu" if self.dry else "cuda")

    def share(self, flops: float) -> float:
        """Of the matrix products a second that `peak` has measured in bf16, `flops` a second."""
        best = json.loads((self.folder / "peak.json").read_text())[0]["bf16 TFLOP/s"]
        return flops / 1e12 / float(best)

    def wait(self) -> None:
        """Until the device has done what it was given."""
        if not self.dry:
            torch.cuda.synchronize()

    def seconds(self, action: Callable[[], Any]) -> float:
        """The median of three, the device's work included, after one that does not count."""
        action()
        found = []
        for _ in range(3):
            self.wait()
            began = time.perf_counter()
            action()
            self.wait()
            found.append(time.perf_counter() - began)
        return sorted(found)[1]


def peak(card: Card) -> Iterator[dict[str, Any]]:
    """Matrix products of large matrices, of a DistilBERT at 16 and at 64 windows of 200 tokens, and a copy."""
    size = 256 if card.dry else 8192

    def product(dtype: torch.dtype) -> float:
        a, b = (torch.randn(size, size, device=card.device).to(dtype) for _ in range(2))
        return 2 * size**3 * 10 / card.seconds(lambda: [a @ b for _ in range(10)]) / 1e12

    row: dict[str, Any] = {
        "card": "a CPU" if card.dry else torch.cuda.get_device_name(),
        "bf16 TFLOP/s": product(torch.bfloat16),
        "fp16 TFLOP/s": product(torch.float16),
        "fp32 TFLOP/s": product(torch.float32),
    }
    torch.set_float32_matmul_precision("high")
    row["tf32 TFLOP/s"] = product(torch.float32)
    torch.set_float32_matmul_precision("highest")
    bytes_ = (1 << 20) if card.dry else (1 << 30)
    source = torch.zeros(bytes_, device=card.device, dtype=torch.uint8)
    target = torch.empty_like(source)
    row["copy TB/s"] = 2 * bytes_ / card.seconds(lambda: target.copy_(source)) / 1e12
    yield row
    for windows in (16, 64):
        tokens = 200 * windows // (10 if card.dry else 1)
        found = {}
        for inside, out in _PRODUCTS:
            x, w = (torch.randn(n, inside, device=card.device, dtype=torch.bfloat16) for n in (tokens, out))
            took = card.seconds(lambda x=x, w=w: [torch.nn.functional.linear(x, w) for _ in range(20)]) / 20  # type: ignore[misc]
            found[f"{inside}x{out} TFLOP/s"] = 2 * tokens * inside * out / took / 1e12
        yield {"windows": windows, **found}


def recipe(card: Card, questions: int, teacher: Any, student: Any, **changes: Any) -> dict[str, Any]:
    """A recipe with a teacher taken as it is and a student, transformers models with random weights, on paragraphs as long as SberQuAD's.

    teacher, student: made of a number of tokens by calling them.
    """
    source = {
        "kind": "synthetic",
        "examples": {"train": questions, "validation": 16},
        "persons": 2,
        "facts": 8,
        "fillers": 2,
    }
    data = {"source": source, "splits": {"train": "train", "dev": "validation"}}
    few = {**data, "source": {**source, "examples": {"train": 256, "validation": 16}}}
    texts = [text for one in load(Data.model_validate(few))["train"].examples for text in (one.context, one.question)]
    tokenizer = train_tokenizer(TrainedTokenizer(kind="wordpiece", vocab_size=550), texts)  # a token for 3.5 characters
    for name, model in (("teacher", teacher), ("student", student)):
        if not (card.folder / name).exists():
            model().save_pretrained(card.folder / name)
            tokenizer.save_pretrained(card.folder / name)
    return tiny_values(
        card.folder / f"runs-{questions}",
        data=data,
        windows={"max_length": 384, "doc_stride": 128},
        teachers={
            "teacher": {"kind": "encoder", "model": {"kind": "folder", "path": str(card.folder / "teacher")}, **changes}
        },
        signals={},
        student__model={"kind": "folder", "path": str(card.folder / "student")},
        student__tokenizer={"kind": "pretrained"},
        student__epochs=1,
        baselines=None,
        engine={"workers": 1},
        evaluation={"latency_questions": 0, "bootstrap": 100},
    )
