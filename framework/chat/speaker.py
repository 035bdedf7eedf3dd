"""What a language model in this process answers to requests, in batches."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.chat.answers import Answer, Token
from distil.framework.chat.asking import Missing
from distil.framework.chat.conversations import Conversations
from distil.framework.chat.messages import Request, without_thoughts
from distil.framework.chat.template import TURN, answer_ends
from distil.framework.data.batches import Rows
from distil.framework.device import autocast, default_device
from distil.framework.generative.asking import Asking, writer_for
from distil.framework.generative.causal import CausalWriter, ReadPrompts
from distil.framework.generative.sampling import Drawing, Likely, drawn, exclusive, first_places
from distil.framework.models.kind import Generator
from distil.framework.models.tokenizers import special_tokens
from distil.framework.progress import Task
from distil.framework.tasks.base import InferenceConfig

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Found = tuple[Request, int, Answer]  # the answer, and the number of its sample


@dataclass(frozen=True)
class Speaker:
    """A causal model with its tokenizer. `inference` says how much goes through it at once."""

    model: "PreTrainedModel"
    conversations: Conversations
    inference: InferenceConfig

    def answers(self, wanted: Sequence[Missing], seeds: Sequence[Sequence[int]], bar: Task) -> Iterator[list[Found]]:
        """The answers to requests that differ in their messages alone, and of which as many samples are wanted; some at a time. seeds:
        of each sample. `bar` counts requests."""
        import torch

        first, samples = wanted[0][0], len(wanted[0][1])
        asking = self._asking([request for request, _ in wanted], first)
        times = 1 if first.candidates else samples
        device = default_device()
        for rows, length in asking.batches(times):
            began = time.perf_counter()
            with torch.inference_mode(), autocast(device, self.inference.precision):
                known = asking.read(rows, length, times)
                if first.candidates:
                    said = self._scored(asking, known, length, rows, first)
                else:
                    said = self._written(known, [seeds[row] for row in rows], first)
            seconds = (time.perf_counter() - began) / len(rows)
            yield [
                (wanted[row][0], sample, _counted(answer, len(asking.prompts[row]), seconds, number == 0))
                for place, row in enumerate(rows.tolist())
                for number, (sample, answer) in enumerate(
                    zip(wanted[row][1], said[place * times : (place + 1) * times], strict=True)
                )
            ]
            bar.advance(len(rows))

    def _asking(self, requests: Sequence[Request], first: Request) -> Asking:
        longest = self.conversations.longest_answer(first)
        return Asking(
            writer=self._writer,
            prompts=[self.conversations.prompt(request) for request in requests],
            longest_prompt=self.conversations.length - longest,
            longest_answer=longest,
            limit=self.inference.limit(default_device()),
            filled=not self.inference.one_by_one,
        )

    def _candidates(self, request: Request) -> list[NDArray[np.int32]]:
        return [self.conversations.answer(text) for text in request.candidates]

    def _scored(self, asking: Asking, known: ReadPrompts, length: int, rows: Rows, request: Request) -> list[Answer]:
        """How likely each candidate is, and what the answer may begin with."""
        candidates = self._candidates(request)
        firsts = first_places(self._writer, known, max(1, request.top_logprobs))
        scores = asking.scores(known, length, [candidates] * len(rows))
        return [
            Answer(
                text=request.candidates[int(np.argmax(of_row))],
                tokens=[self._token(Likely(likely[0][0], likely[0][1], likely))],
                scores=exclusive(of_row, candidates).tolist(),
            )
            for of_row, likely in zip(scores, firsts, strict=False)
        ]

    def _written(self, known: ReadPrompts, seeds: Sequence[Sequence[int]], request: Request) -> list[Answer]:
        """What the model writes."""
        drawing = Drawing(request.temperature, self._ends, request.top_logprobs)
        numbers = np.stack(
            [np.random.default_rng(seed).random(request.max_tokens) for of_row in seeds for seed in of_row]
        )
        # Rows that fill the batch up draw what others do, and count for nothing.
        rows = np.resize(np.arange(len(numbers)), len(known.ids) * len(seeds[0]))
        found = drawn(self._writer, known, numbers[rows], drawing)
        return [self._answer(tokens, request) for tokens in found[: len(numbers)]]

    def _answer(self, tokens: Sequence[Likely], request: Request) -> Answer:
        ids = [token.id for token in tokens if token.id not in self._ends]
        text = str(self.conversations.tokenizer.decode(ids, skip_special_tokens=True))
        if not self.conversations.tokenizer.chat_template:
            text = text.split(TURN)[0]  # what follows would be the next turn
        return Answer(
            text=without_thoughts(text).strip(),
            tokens=[self._token(token) for token in tokens] if request.top_logprobs else [],
            output_tokens=len(tokens),
        )

    def _token(self, likely: Likely) -> Token:
        return Token(
            text=self._text(likely.id),
            log_p=likely.log_p,
            others=[(self._text(id), log_p) for id, log_p in likely.others],
        )

    def _text(self, id: int) -> str:
        """What a token adds to a text; nothing where it ends it."""
        if id in self._ends:
            return ""
        if id not in self._texts:
            tokenizer = self.conversations.tokenizer
            before, anchor = self._anchor
            self._texts[id] = str(tokenizer.decode([*anchor, id]))[len(before) :]
        return self._texts[id]

    @cached_property
    def _texts(self) -> dict[int, str]:
        return {}

    @cached_property
    def _anchor(self) -> tuple[str, list[int]]:
        """A text before a token, as some tokenizers leave out the space of a first one; and its tokens."""
        tokenizer = self.conversations.tokenizer
        ids = list(tokenizer("a", add_special_tokens=False)["input_ids"])
        return str(tokenizer.decode(ids)), ids

    @cached_property
    def _ends(self) -> frozenset[int]:
        return answer_ends(self.model, self.conversations.tokenizer)

    @cached_property
    def _writer(self) -> CausalWriter:
        """The model, on its device."""
        _ = self._ends  # the model's own settings do not outlive this
        special = special_tokens(self.conversations.tokenizer, self.model.config)
        writer = writer_for(Generator(encoder_decoder=False), self.model.to(default_device()).eval(), special)
        assert isinstance(writer, CausalWriter)
        return writer


def _counted(answer: Answer, read: int, seconds: float, first: bool) -> Answer:
    """Of several answers to one request the first has all that it took to read it."""
    return answer.model_copy(
        update={"requests": int(first), "input_tokens": read if first else 0, "seconds": seconds if first else 0.0}
    )
