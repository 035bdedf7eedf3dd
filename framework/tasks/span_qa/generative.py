"""Generative teachers of questions: what they are trained to write, and what their answers' scores say about a context."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from distil.framework.data.locating import locate
from distil.framework.device import autocast, default_device
from distil.framework.errors import DataError
from distil.framework.generative.asking import Asking, writer_for
from distil.framework.generative.training import Generation
from distil.framework.generative.writer import Beams, Ids, Writer
from distil.framework.language.words import count_of
from distil.framework.models.bounds import count_parameters
from distil.framework.models.build import pretrained_model
from distil.framework.models.configuration import read_config
from distil.framework.models.kind import generator_of
from distil.framework.models.tokenizers import load_model_tokenizer
from distil.framework.progress import SILENT, Progress
from distil.framework.segments import Floats, bounds, maxima, softmax, spread, totals
from distil.framework.signals.algebra import Signals
from distil.framework.signals.steps import ask
from distil.framework.tasks.base import InferenceConfig, Task
from distil.framework.tasks.span_qa.data import QAExample
from distil.framework.tasks.span_qa.decode_signals import decode_signals
from distil.framework.tasks.span_qa.predictions import Prediction, SpanPrediction, prediction_record
from distil.framework.tasks.span_qa.prompts import Prompt, Prompts, prompts_for
from distil.framework.tasks.span_qa.write import from_spans

if TYPE_CHECKING:
    from distil.framework.tasks.sections import GenerativeSection

Places = Sequence[Sequence[tuple[int, int]]]  # where a context has each of some answers, characters [start, end)


def answers_signals(places: Sequence[Places], log_mass: Sequence[Floats], *, unanswerable: bool) -> Signals:
    """The signals about E examples from C >= 1 answers to each, by their places and their log-masses [C].

    The masses are scaled to 1. An answer that the context has several times shares its mass evenly among the places. One
    that it does not have, the empty one for instance, is "no answer here" where questions may be `unanswerable`.
    Elsewhere it would teach that such a question has no answer: it does not count, unless there is no other. Start mass
    lies on a place's first character and end mass on its last.
    """
    answers = bounds(np.asarray([len(of_example) for of_example in places], np.int64))
    found = np.asarray([len(of_answer) for of_example in places for of_answer in of_example], np.int64)
    logs = np.concatenate([np.empty(0), *log_mass])
    if not unanswerable:
        counts = (found > 0) | spread(totals(found, answers) == 0, answers)
        logs = np.where(counts, logs, -np.inf)
    peak = maxima(logs, answers)
    scaled = logs - spread(np.where(np.isfinite(peak), peak, 0.0), answers)
    with np.errstate(divide="ignore"):
        null = np.log(totals(np.where(found == 0, np.exp(scaled), 0.0), answers))
    shares = np.repeat(scaled - np.log(np.maximum(found, 1)), found)
    of_examples = np.concatenate([[0], np.cumsum(found)])[answers]
    return from_spans(
        [np.asarray([place for of_answer in of_example for place in of_answer], np.int64) for of_example in places],
        np.split(shares, of_examples[1:-1]),
        null.tolist(),
    )


def generation(
    examples: Sequence[QAExample], prompts: Prompts, unanswerable: bool, progress: Progress = SILENT
) -> Generation:
    """The objective of labelled examples; those without a label are left out.

    A prompt that does not show the whole answer is left out too or, if questions may be `unanswerable`, is answered by
    nothing. Raises DataError if no prompt is left.
    """
    items: list[tuple[Ids, Ids]] = []
    with progress.task("tokenise", len(examples)) as bar:
        for example in examples:
            if example.answers is not None:
                for prompt in prompts.of(example):
                    text = _shown(example, prompt)
                    if text or unanswerable:
                        items.append((prompt.ids, prompts.answer(text)))
            bar.advance()
    if not items:
        raise DataError(
            f"of {count_of(len(examples), 'question')} none has an answer that a prompt shows whole; a teacher is fine-tuned on "
            "labelled questions (and, where windows.doc_stride is shorter than the answers, on those in one window)"
        )
    return Generation(prompts.generator, prompts.special, [ids for ids, _ in items], [answer for _, answer in items])


def _shown(example: QAExample, prompt: Prompt) -> str:
    """The first gold answer, or nothing if the prompt does not show all of it."""
    if not example.answers:
        return ""
    answer = example.answers[0]
    low, high = prompt.reach
    return answer.text if low <= answer.start and answer.start + len(answer.text) <= high else ""


@dataclass(frozen=True)
class Candidates:
    """C answers to one question. texts: the empty one is "no answer"; places: where the context has each, in order;
    log_mass: [C], log P / length^α."""

    texts: Sequence[str]
    places: Sequence[Sequence[tuple[int, int]]]
    log_mass: Floats


@dataclass(frozen=True)
class Prepared:
    """Examples, the prompts of each, and what other teachers propose as answers to it."""

    examples: Sequence[QAExample]
    prompts: Sequence[Sequence[Prompt]]
    proposed: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Said:
    """Examples, the C answers to each, with their tokens, and log P of each on each of its prompts, [prompts, C]."""

    examples: Sequence[QAExample]
    answers: Sequence[dict[str, Ids]]
    log_p: Sequence[Floats]


@dataclass(frozen=True)
class GenerativePredictor:
    """See Predictor. `inference.batch_size` counts prompts, or pairs of a prompt and an answer."""

    model: Any
    prompts: Prompts
    settings: "GenerativeSection"
    inference: InferenceConfig

    @property
    def parameters(self) -> int:
        """See Predictor."""
        return count_parameters(self.model)

    @cached_property
    def writer(self) -> Writer:
        """The model, on its device."""
        return writer_for(self.prompts.generator, self.model.to(default_device()).eval(), self.prompts.special)

    def predict(
        self, examples: Sequence[QAExample], progress: Progress = SILENT, title: str = "predict"
    ) -> dict[str, Any]:
        """See Predictor. A text that the context has is given as the context writes it, at its first place."""
        # A task of the user's own may know no threshold.
        threshold = float(getattr(self.inference.task, "null_threshold", 0.0))
        unanswerable = _unanswerable(self.inference.task)
        said = self.run(self.prepare(examples), progress, title)
        return {
            example.id: prediction_record(_prediction(example.context, candidates, unanswerable), threshold)
            for example, candidates in zip(examples, self._candidates(said), strict=True)
        }

    def signals(self, examples: Sequence[QAExample], proposals: Sequence[Signals] = ()) -> Signals:
        """See Predictor. The best spans of each proposing teacher are candidates beside the model's own answers."""
        return ask(self, examples, proposals)

    def prepare(self, examples: Sequence[QAExample], proposals: Sequence[Signals] = ()) -> "Prepared":
        """See Steps."""
        proposed: list[list[str]] = [[] for _ in examples]
        for of_teacher in proposals:
            for texts, more in zip(proposed, self._proposed(examples, of_teacher), strict=True):
                texts += more
        return Prepared(examples, [self.prompts.of(example) for example in examples], proposed)

    def run(self, prepared: "Prepared", progress: Progress = SILENT, title: str = "") -> "Said":
        """See Steps. What the model writes on each prompt of an example, and what was proposed, all scored on all prompts of the
        example."""
        import torch

        settings, device = self.settings, default_device()
        prompts = [(owner, prompt.ids) for owner, own in enumerate(prepared.prompts) for prompt in own]
        owners = np.asarray([owner for owner, _ in prompts], np.int64)
        asking = Asking(
            writer=self.writer,
            prompts=[ids for _, ids in prompts],
            longest_prompt=self.prompts.longest,
            longest_answer=settings.max_answer + 1,
            limit=self.inference.limit(device),
            filled=not self.inference.one_by_one,
        )
        beams = Beams(settings.beams, settings.max_answer, settings.length_normalisation)
        empty = [""] if _unanswerable(self.inference.task) else []
        answers: dict[int, dict[str, Ids]] = {}

        def candidates(owner: int, written: Sequence[Ids]) -> list[Ids]:
            own = [self.prompts.text(ids) for ids in written]
            answers[owner] = self._distinct([*own, *prepared.proposed[owner], *empty])
            return list(answers[owner].values())

        work = progress.task(title, asking.passes(beams.count, owners), "batches")
        with work as bar, torch.inference_mode(), autocast(device, self.inference.precision):
            scores = asking.asked(beams, owners, candidates, bar)
        of_examples = np.split(np.arange(len(owners)), np.searchsorted(owners, np.arange(1, len(prepared.examples))))
        log_p = [np.asarray([scores[row] for row in rows]) for rows in of_examples[: len(prepared.examples)]]
        return Said(prepared.examples, [answers[owner] for owner in range(len(log_p))], log_p)

    def signals_of(self, said: "Said") -> Signals:
        """See Steps."""
        candidates = self._candidates(said)
        return answers_signals(
            [one.places for one in candidates],
            [one.log_mass for one in candidates],
            unanswerable=_unanswerable(self.inference.task),
        )

    def _candidates(self, said: "Said") -> list[Candidates]:
        return [
            _scored(example.context, answers, log_p, self.settings.length_normalisation)
            for example, answers, log_p in zip(said.examples, said.answers, said.log_p, strict=True)
        ]

    def _proposed(self, examples: Sequence[QAExample], signals: Signals) -> list[list[str]]:
        contexts, settings = [example.context for example in examples], self.settings
        found = decode_signals(contexts, signals, settings.candidates, settings.max_answer, null=False)
        return [[span["text"] for span in prediction.n_best] for prediction in found]

    def _distinct(self, texts: Sequence[str]) -> dict[str, Ids]:
        """Texts with their tokens; of texts with the same tokens only the first, and the empty one for those without any."""
        nothing = tuple(self.prompts.answer("").tolist())
        distinct: dict[tuple[int, ...], str] = {}
        for text in texts:
            ids = tuple(self.prompts.answer(text).tolist())
            distinct.setdefault(ids, "" if ids == nothing else text)
        return {text: np.asarray(ids, np.int32) for ids, text in distinct.items()}


def _scored(context: str, answers: dict[str, Ids], log_p: Floats, length_normalisation: float) -> Candidates:
    """Answers, with their tokens, by log_p: [prompts, C].

    An answer takes its best score, since one prompt suffices to find it; "no answer" takes its least, since an answer in
    one prompt is an answer.
    """
    texts = list(answers)
    lengths = np.asarray([len(ids) for ids in answers.values()], np.float64)
    empty = np.asarray([not text for text in texts])
    return Candidates(
        texts,
        [locate(context, text) for text in texts],
        np.where(empty, log_p.min(0), log_p.max(0)) / lengths**length_normalisation,
    )


def _prediction(context: str, candidates: Candidates, unanswerable: bool) -> Prediction:
    """All answers but the empty one, best first; "no answer" competes where questions may be `unanswerable`."""
    competing = [number for number, text in enumerate(candidates.texts) if text or unanswerable]
    logits = candidates.log_mass[competing]
    scores = softmax(logits) if competing else logits
    answers: list[SpanPrediction] = []
    null_logit = null_score = None
    for place, number in enumerate(competing):
        text, logit, score = candidates.texts[number], float(logits[place]), float(scores[place])
        if not text:
            null_logit, null_score = logit, score
            continue
        start, end = candidates.places[number][0] if candidates.places[number] else (-1, -1)
        shown = context[start:end] if candidates.places[number] else text
        answers.append({"text": shown, "start": start, "end": end, "score": score, "logit": logit})
    answers.sort(key=lambda answer: -answer["logit"])
    return Prediction(tuple(answers), null_logit, null_score)


def _unanswerable(task: Task) -> bool:
    """Whether questions may have no answer, of which a task of the user's own may know nothing."""
    return bool(getattr(task, "unanswerable", False))


def generative_predictor(
    folder: Path, inference: InferenceConfig, settings: "GenerativeSection"
) -> GenerativePredictor:
    """The model in `folder`. Raises ModelError."""
    tokenizer = load_model_tokenizer(folder)
    model = pretrained_model(generator_of(read_config(folder)), folder)
    prompts = prompts_for(
        tokenizer,
        model.config,
        inference.windows,
        settings.max_answer,
        settings.prompt,
        model.generation_config.forced_bos_token_id,
    )
    return GenerativePredictor(model, prompts, settings, inference)
