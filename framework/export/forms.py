"""The forms of an exported model, PyTorch's and the ONNX files that could be written and run, and how long they take."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from distil.framework.answer import Answerer
from distil.framework.data.example import Example
from distil.framework.errors import ModelError
from distil.framework.export import gguf
from distil.framework.export.onnx_decoder import OnnxDecoder, open_decoder, write_decoder
from distil.framework.export.onnx_files import OnnxModel, open_onnx, write_int8, write_onnx
from distil.framework.latency import Ask, measure_side_by_side
from distil.framework.predictors.compared import Compared

GGUF = "gguf"  # read by transformers it has the weights of the file, and not llama.cpp's time
_WARM_UP = 3  # questions that each form answers before it is timed

Form = tuple[str, str]  # a model's name, and that of the form
Opening = Callable[[int], Compared]  # opens a form for so many threads


@dataclass(frozen=True)
class Forms:
    """By name, the files of each form and what opens it for so many threads; problems: why others are missing, in words."""

    opening: dict[str, Opening]
    files: dict[str, list[Path]]
    problems: list[str]

    def drop(self, name: str, problem: str) -> None:
        """Remove a form that cannot be used."""
        del self.opening[name]
        for path in self.files.pop(name):
            path.unlink(missing_ok=True)
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
        self.problems.append(problem)


def make_forms(
    predictor: Compared, folder: Path, example: Example, with_onnx: bool, converter: Path | None = None
) -> Forms:
    """The forms of the model in `folder`, which `predictor` has open. Files that cannot be written, or cannot answer the question of
    `example`, are left out. converter: makes a GGUF file, None: there is none."""
    forms = Forms({"torch": lambda threads: predictor}, {"torch": sorted(folder.glob("*.safetensors"))}, [])
    if converter is not None:
        path = folder / gguf.FILE
        write = partial(gguf.write_gguf, converter, folder, path)
        _add(forms, GGUF, path, write, lambda threads: predictor.form(gguf.open_gguf(path), None), example)
    if with_onnx:
        _add_onnx(forms, predictor, folder, example)
    return forms


def _add_onnx(forms: Forms, predictor: Compared, folder: Path, example: Example) -> None:
    onnx, int8 = folder / "onnx/model.onnx", folder / "onnx/model_int8.onnx"
    onnx.parent.mkdir()
    # Exporters change some models, such as BigBird's attention.
    model, names = deepcopy(predictor.model), predictor.tokenizer.model_input_names
    writes = predictor.inference.task.writes
    write = partial(write_decoder, model, onnx) if writes else partial(write_onnx, model, names, onnx)
    _add(forms, "onnx", onnx, write, partial(_open, predictor, onnx), example)
    if "onnx" in forms.files:
        _add(forms, "int8", int8, partial(write_int8, onnx, int8), partial(_open_int8, predictor, int8), example)


def _add(forms: Forms, name: str, path: Path, write: Callable[[], None], opening: Opening, example: Example) -> None:
    forms.opening[name], forms.files[name] = opening, [path]
    try:
        write()
        predictor = opening(1)
        Answerer(predictor, predictor.inference).ask(example)
    except ModelError as error:
        forms.drop(name, str(error))


def _open(predictor: Compared, path: Path, threads: int) -> Compared:
    return predictor.form(_model_in(path, predictor, threads), predictor.inference.batch_size)


def _open_int8(predictor: Compared, path: Path, threads: int) -> Compared:
    # Activations are scaled over all windows that are run together: alone, an answer depends on its question only.
    return predictor.form(_model_in(path, predictor, threads), 1)


def _model_in(path: Path, predictor: Compared, threads: int) -> OnnxModel | OnnxDecoder:
    if predictor.inference.task.writes:
        return open_decoder(path, predictor.model, threads)
    return open_onnx(path, predictor.model.config, threads)


def thread_counts() -> list[int]:
    """One thread, and two where there are that many cores."""
    return [count for count in (1, 2) if count <= (os.cpu_count() or 1)]


def time_forms(forms: Mapping[Form, Opening], examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Milliseconds a question of each form of each model, asked alone, from its text to its answer.

    The forms take turns, in one process, so that their ratios hold on a busy machine too.
    """
    if not examples:
        return []
    rows: list[dict[str, Any]] = []
    for threads in thread_counts():
        asked = {key: Timed(opening, threads) for key, opening in forms.items()}
        found = measure_side_by_side({key: one.open for key, one in asked.items()}, examples, _WARM_UP, threads)
        rows += [
            {"model": key[0], "form": key[1], **asdict(latency), **asked[key].speed} for key, latency in found.items()
        ]
    return rows


class Timed:
    """A form that is asked, and how many tokens a second it has written meanwhile."""

    def __init__(self, opening: Opening, threads: int) -> None:
        self._opening, self._threads = opening, threads
        self._tokens, self._seconds = 0, 0.0

    def open(self) -> Ask:
        """What is asked."""
        predictor = self._opening(self._threads)
        ask = Answerer(predictor, predictor.inference).ask
        if not predictor.inference.task.writes:
            return ask

        def counted(example: Example) -> object:
            begin = time.perf_counter()
            answer = ask(example)
            self._seconds += time.perf_counter() - begin
            self._tokens += answer.tokens  # type: ignore[attr-defined]
            return answer

        return counted

    @property
    def speed(self) -> dict[str, float]:
        """As export.json has it; nothing of a task whose models do not write."""
        return {"tokens_per_second": self._tokens / self._seconds} if self._tokens else {}
