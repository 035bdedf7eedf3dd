"""Language models behind servers as teachers of texts: what they complete, and how likely they find a text where the server says that of a
prompt. Its tokens are made here, by the model's own tokenizer and chat template, so that what is said is of the same tokens as if the model
were here, and their bytes are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from distil.framework.chat.answers import Answer, Token, Usage
from distil.framework.chat.asking import Asker, Sent
from distil.framework.chat.budget import cost_of
from distil.framework.chat.estimate import Estimate, estimate
from distil.framework.chat.messages import Message, Request, defused
from distil.framework.chat.scoring import NUMBERED, UNKNOWN, Scoring
from distil.framework.errors import UserError
from distil.framework.files import Json
from distil.framework.generative.sampling import GREEDY, Sampling
from distil.framework.progress import SILENT, Progress
from distil.framework.signals.algebra import Signals
from distil.framework.tasks.base import InferenceConfig, Plain
from distil.framework.tasks.sections import ChatSection
from distil.framework.tasks.text.example import Written
from distil.framework.tasks.text.features import TextRows
from distil.framework.tasks.text.predictor import shown_bytes
from distil.framework.tasks.text.prompts import Wording
from distil.framework.tasks.text.reading import TextReader
from distil.framework.tasks.text.settings import TextSettings
from distil.framework.tasks.text.spoken import reader_of
from distil.framework.tasks.text.top_tokens import TopTokens, bits_of, joined, top_signals

_LONG = 10  # digits that no token's number has


@dataclass(frozen=True)
class ServedCompletion:
    """What was written after a prompt. tokens: as the server counts them, of all that were asked for with it; ended: whether it was not
    cut off."""

    text: str
    tokens: int
    ended: bool


@dataclass(frozen=True)
class ServedTexts:
    """See Predictor, Paid. wording: how prompts are put; reader: makes the tokens of which the server is asked; None of a model that
    writes alone."""

    teacher: ChatSection
    asker: Asker
    inference: InferenceConfig
    settings: TextSettings
    wording: Wording
    reader: TextReader | None

    @property
    def parameters(self) -> int:
        """See Predictor; a server does not say."""
        return self.asker.parameters

    @property
    def writer(self) -> "ServedTexts":
        """What writes with the model."""
        return self

    def predict(self, examples: Sequence[Written], progress: Progress = SILENT, title: str = "predict") -> Plain:
        """See Predictor; without bits of one that writes alone."""
        found: Plain = {example.id: {"bits": None, "bytes": 0, "text": None} for example in examples}
        known = [example for example in examples if example.completion]
        if self.reader is not None and known:
            rows = self.reader.read_split(known, progress) if len(known) > 1 else self.reader.read(known)
            taken, sizes = bits_of(rows, self._said(rows, progress, title)), shown_bytes(known, rows)
            for number, example in enumerate(known):
                found[example.id] |= {"bits": float(taken[number]), "bytes": int(sizes[number])}
        asked = list(examples) if len(examples) == 1 else self._written(examples)
        for example, completions in zip(asked, self.write(asked, GREEDY, progress, f"{title}: write"), strict=True):
            for one in completions:
                told = {"log_probability": None, "tokens": one.tokens, "ended": one.ended}
                found[example.id] |= {"text": one.text, **told}
        return found

    def _written(self, examples: Sequence[Written]) -> list[Written]:
        """Those after whose prompts the model writes when it is measured."""
        return [example for example in examples if self.settings.measures or not example.completion]

    def signals(self, examples: Sequence[Written], proposals: Sequence[Signals] = ()) -> Signals:
        """See Predictor; proposals are of no use to it. Raises UserError of one that writes alone."""
        if self.reader is None:
            raise UserError(
                f"the chat teacher {self.asker.model} writes alone, and says of no text how likely it is: set read: likelihood, where the server "
                "says it of a prompt, as vLLM does"
            )
        rows = self.reader.read(examples)
        return top_signals(rows, self._said(rows, SILENT, ""), self.inference.next_tokens)

    def write(
        self,
        examples: Sequence[Written],
        sampling: Sampling = GREEDY,
        progress: Progress = SILENT,
        title: str = "write",
    ) -> list[list[ServedCompletion]]:
        """Completions of each example's prompt: by default one, of the likeliest tokens; none where nothing is said to the model. What was
        drawn once is drawn for good, whatever the seed."""
        requests = [self._request(example, sampling.temperature) for example in examples]
        wanted = [(one, sample) for one in requests if one is not None for sample in range(sampling.count)]
        with progress.task(title, len(examples)) as bar:
            answers = iter(self.asker.ask(wanted, bar))
        return [
            [_completion(next(answers)) for _ in range(sampling.count)] if request is not None else []
            for request in requests
        ]

    def _request(self, example: Written, temperature: float) -> Request | None:
        turns = self.wording.messages(example)
        if not turns:
            return None
        said = tuple(Message(turn.role, defused(turn.content)) for turn in turns)
        return Request(said, temperature, self.settings.generation.max_new_tokens, 0, self.teacher.extra)

    def _scorings(self, rows: TextRows) -> list[Scoring]:
        return [
            Scoring(
                tuple(rows.input_ids[rows.slice_of(number)].tolist()),
                int(rows.begin[number]),
                self.teacher.top_logprobs,
                self.teacher.extra,
                self._spelled,
            )
            for number in range(len(rows))
        ]

    def _said(self, rows: TextRows, progress: Progress, title: str) -> TopTokens:
        scorings = self._scorings(rows)
        wanted = [(asked, 0) for asked in scorings if asked.counted]
        with progress.task(title, len(wanted)) as bar:
            answers = iter(self.asker.ask(wanted, bar))
        return joined([self._top(one, next(answers).tokens if one.counted else ()) for one in scorings])

    def _top(self, asked: Scoring, said: Sequence[Token]) -> TopTokens:
        """What is said of one row."""
        place: list[int] = []
        id: list[int] = []
        other: list[float] = []
        for number, (token, stands) in enumerate(zip(said, asked.ids[asked.begin :], strict=True)):
            named = dict(filter(lambda one: one[0] >= 0, ((self._id(name), log_p) for name, log_p in token.others)))
            named[stands] = token.log_p
            place += [number] * len(named)
            id += named.keys()
            other += named.values()
        log_p = np.asarray([token.log_p for token in said], np.float64)
        return TopTokens(log_p, np.asarray(place, np.int64), np.asarray(id, np.int64), np.asarray(other, np.float64))

    def _id(self, name: str) -> int:
        """Of a token that is told by its number or its text; -1 of what is no token here, or cannot be told from others."""
        if name.startswith(NUMBERED):
            number = name.removeprefix(NUMBERED)
            known = number.isdecimal() and len(number) < _LONG and int(number) < len(self._spelled)
            return int(number) if known else -1
        return self._by_text.get(name, -1)

    @cached_property
    def _spelled(self) -> list[tuple[str, str]]:
        """See Scoring. [V]"""
        assert self.reader is not None
        table, numbers = self.reader.table, range(len(self.reader.table.lengths))
        names = self.reader.prompter.tokenizer.convert_ids_to_tokens([*numbers])
        return [
            (table.text_of(np.asarray([number])).decode("utf-8", "replace"), str(name or ""))
            for number, name in zip(numbers, names, strict=True)
        ]

    @cached_property
    def _by_text(self) -> dict[str, int]:
        """Numbers of tokens by their texts, and by the vocabulary's names of them; none of parts of characters, which look alike."""
        found = {name: number for number, (_, name) in enumerate(self._spelled)}
        found |= {text: number for number, (text, _) in enumerate(self._spelled) if text}
        return {text: number for text, number in found.items() if UNKNOWN not in text}

    def estimate(self, taught: Sequence[Written], measured: Sequence[Written] = ()) -> Estimate:
        """See Paid."""
        sent = self._sent([*taught, *measured], self._written(measured))
        scorings = {one.key(self.asker.model, 0): one for one in sent if isinstance(one, Scoring)}
        requests = {one.key(self.asker.model, 0): one for one in sent if isinstance(one, Request)}
        parts = [estimate([*one.values()], 1, self.asker.kept) for one in (scorings, requests) if one]
        return sum(parts[1:], parts[0]) if parts else Estimate(Usage(), Usage(), 0)

    def estimate_written(self, examples: Sequence[Written], samples: int, temperature: float) -> Estimate:
        """See PaidWriter."""
        requests = [self._request(example, temperature) for example in examples]
        distinct = {one.key(self.asker.model, 0): one for one in requests if one is not None}
        return estimate([*distinct.values()], samples, self.asker.kept)

    def usage(self, examples: Sequence[Written]) -> Json:
        """See Paid, as ChatPredictor has it; no answer is invalid."""
        kept = {id(answer): answer for one in self._sent(examples, examples) if (answer := self.asker.kept(one, 0))}
        spent = sum((answer.usage for answer in kept.values()), Usage())
        return {
            "requests": spent.requests,
            "input_tokens": spent.input_tokens,
            "output_tokens": spent.output_tokens,
            "cost": cost_of(spent, self.teacher.prices),
            "seconds": sum(answer.seconds for answer in kept.values()) / max(1, len(examples)),
            "invalid": 0.0,
        }

    def _sent(self, scored: Sequence[Written], written: Sequence[Written]) -> list[Sent]:
        known = [example for example in scored if example.completion]
        scorings = self._scorings(self.reader.read(known)) if self.reader is not None and known else []
        found: list[Sent] = [one for one in scorings if one.counted]
        return found + [one for one in (self._request(example, 0.0) for example in written) if one is not None]


def _completion(answer: Answer) -> ServedCompletion:
    return ServedCompletion(answer.text, answer.output_tokens, not answer.cut)


def served_texts(
    settings: TextSettings, teacher: ChatSection, inference: InferenceConfig, wording: Wording
) -> ServedTexts:
    """The model behind a teacher's server. Raises ModelError for a tokenizer that cannot be had."""
    assert teacher.endpoint is not None
    asker = Asker(teacher.endpoint, teacher.budget, teacher.prices, inference.answers, inference.storage)
    reader = reader_of(teacher, wording, inference) if teacher.read == "likelihood" else None
    return ServedTexts(teacher, asker, inference, settings, wording, reader)
