"""Models that write their answers: generative teachers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.data.example import Example
from framework.device import autocast, default_device
from framework.evaluation.decode import Prediction, SpanPrediction
from framework.evaluation.signal_decode import decode_signal
from framework.generative.kind import generator_of
from framework.generative.locating import locate
from framework.generative.prompts import Ids, Prompts, prompts_for
from framework.generative.signal import answers_signal
from framework.generative.writer import Beams, writer_for
from framework.models.build import count_parameters, pretrained_model, read_config
from framework.models.tokenizers import load_model_tokenizer
from framework.progress import SILENT, Progress
from framework.readers.base import Reading
from framework.signals.span import Floats, SpanSignal, log_softmax
from framework.tasks.span_outputs import prediction_record

if TYPE_CHECKING:
    from framework.teachers.generative import Generative


@dataclass(frozen=True)
class Candidates:
    """C answers to one question. texts: the empty one is "no answer"; places: where the context has each, in order;
    log_mass: [C], log P / length^α."""

    texts: Sequence[str]
    places: Sequence[Sequence[tuple[int, int]]]
    log_mass: Floats


@dataclass(frozen=True)
class GenerativeReader:
    """See Reader. Every question is asked by itself, so that no other can change what is said about it."""

    model: Any
    prompts: Prompts
    settings: "Generative"
    reading: Reading

    @property
    def parameters(self) -> int:
        """See Reader."""
        return count_parameters(self.model)

    def predict(
        self, examples: Sequence[Example], progress: Progress = SILENT, title: str = "predict"
    ) -> dict[str, Any]:
        """See Reader. A text that the context has is given as the context writes it, at its first place."""
        # A task of the user's own may know no threshold.
        threshold = float(getattr(self.reading.task, "null_threshold", 0.0))
        records = {}
        with progress.task(title, len(examples)) as bar:
            for example in examples:
                candidates = self._candidates(example, [])
                records[example.id] = prediction_record(
                    _prediction(example.context, candidates, self.reading.unanswerable), threshold
                )
                bar.advance()
        return records

    def signals(self, examples: Sequence[Example], hints: Sequence[Sequence[SpanSignal]] = ()) -> list[SpanSignal]:
        """See Reader. The best spans of each hinting teacher are candidates beside the model's own answers."""
        signals = []
        for number, example in enumerate(examples):
            hinted = [text for of_teacher in hints for text in self._hinted(example.context, of_teacher[number])]
            candidates = self._candidates(example, hinted)
            signals.append(answers_signal(candidates.places, candidates.log_mass))
        return signals

    def _hinted(self, context: str, signal: SpanSignal) -> list[str]:
        settings = self.settings
        found = decode_signal(context, signal, settings.candidates, settings.max_answer, null=False)
        return [span.text for span in found.n_best]

    def _candidates(self, example: Example, hinted: Sequence[str]) -> Candidates:
        """What the model writes on each prompt, and `hinted`; all scored on all prompts.

        An answer takes its best score, since one prompt suffices to find it; "no answer" takes its least, since an
        answer in one prompt is an answer.
        """
        import torch

        settings = self.settings
        device = default_device()
        self.model.to(device).eval()
        writer = writer_for(self.prompts.generator, self.model, self.prompts.special)
        beams = Beams(settings.beams, settings.max_answer, settings.length_normalisation)
        with torch.inference_mode(), autocast(device, self.reading.precision):
            known = [writer.read(prompt.ids) for prompt in self.prompts.of(example)]
            written = [self.prompts.text(ids) for one in known for ids in writer.write(one, beams)]
            answers = self._distinct([*written, *hinted, *([""] if self.reading.unanswerable else [])])
            parts = self._parts(list(answers.values()))
            log_p = np.asarray([np.concatenate([writer.log_probs(one, part) for part in parts]) for one in known])
        texts = list(answers)
        lengths = np.asarray([len(ids) for ids in answers.values()], np.float64)
        empty = np.asarray([not text for text in texts])
        return Candidates(
            texts,
            [locate(example.context, text) for text in texts],
            np.where(empty, log_p.min(0), log_p.max(0)) / lengths**settings.length_normalisation,
        )

    def _distinct(self, texts: Sequence[str]) -> dict[str, Ids]:
        """Texts with their tokens; of texts with the same tokens only the first, and the empty one for those without any."""
        nothing = tuple(self.prompts.answer("").tolist())
        distinct: dict[tuple[int, ...], str] = {}
        for text in texts:
            ids = tuple(self.prompts.answer(text).tolist())
            distinct.setdefault(ids, "" if ids == nothing else text)
        return {text: np.asarray(ids, np.int32) for ids, text in distinct.items()}

    def _parts(self, answers: list[Ids]) -> list[list[Ids]]:
        size = self.reading.batch_size
        return [answers[at : at + size] for at in range(0, len(answers), size)]


def _prediction(context: str, candidates: Candidates, unanswerable: bool) -> Prediction:
    """All answers but the empty one, best first; "no answer" competes where questions may be `unanswerable`."""
    competing = [number for number, text in enumerate(candidates.texts) if text or unanswerable]
    logits = candidates.log_mass[competing]
    scores = np.exp(log_softmax(logits)) if competing else logits
    answers = []
    null_logit = null_score = None
    for place, number in enumerate(competing):
        text, logit, score = candidates.texts[number], float(logits[place]), float(scores[place])
        if not text:
            null_logit, null_score = logit, score
            continue
        start, end = candidates.places[number][0] if candidates.places[number] else (-1, -1)
        shown = context[start:end] if candidates.places[number] else text
        answers.append(SpanPrediction(shown, start, end, score, logit))
    answers.sort(key=lambda answer: -answer.logit)
    return Prediction(tuple(answers), null_logit, null_score)


def generative_reader(folder: Path, reading: Reading, settings: "Generative") -> GenerativeReader:
    """The model in `folder`. Raises ModelError."""
    tokenizer = load_model_tokenizer(folder)
    model = pretrained_model(generator_of(read_config(folder)), folder, seed=0)
    prompts = prompts_for(tokenizer, model.config, reading.windows, settings.max_answer, settings.prompt)
    return GenerativeReader(model, prompts, settings, reading)
