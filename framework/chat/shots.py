"""Examples that a language model is shown with their right answers before it is asked (Brown et al., arXiv 2005.14165)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from distil.framework.chat.section import Shots
from distil.framework.data.example import Example
from distil.framework.errors import DataError
from distil.framework.language.words import count_of

_TOKENS = 128  # of each text, of which the beginning tells enough of what it is about
_TOGETHER = 32  # texts that go through the student at once

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Pool:
    """What may be shown. examples: labelled; student: the folder of the student's first weights, where nearness is by these; longest:
    tokens that it reads."""

    examples: Sequence[Example]
    student: Path | None
    longest: int


def pool_of(
    name: str, examples: Sequence[Example], measured: Sequence[Example], student: Path | None, longest: int
) -> Pool:
    """Of the split `name` those that may be shown: labelled, and nothing by which models are measured. Raises DataError if there is
    none."""
    kept_back = {one.group for one in measured}
    found = [one for one in examples if one.labelled and one.group not in kept_back]
    if not found:
        raise DataError(
            f"of {count_of(len(examples), 'example')} of split '{name}' none can be shown to a chat teacher: each has no label, or is among those by which "
            "models are measured; name another labelled split as examples.split"
        )
    return Pool(found, student, longest)


@dataclass(frozen=True)
class Chosen:
    """Chooses from a pool what is shown before an example: not the text itself, whatever its id or its label there."""

    shots: Shots
    pool: Pool

    def of(self, example: Example) -> list[Example]:
        """The examples, in the order in which they are shown: the nearest last."""
        if example.texts not in self._found:
            self._found[example.texts] = self._of(example)
        return self._found[example.texts]

    @cached_property
    def _found(self) -> dict[Sequence[str], list[Example]]:
        """By texts: what is near is asked for whenever a request is made, and told by a model."""
        return {}

    def _of(self, example: Example) -> list[Example]:
        order = self._drawn if self.shots.by == "random" else self._nearest(example)
        found = []
        for number in order:
            one = self.pool.examples[number]
            if one.group != example.group:
                found.append(one)
            if len(found) == self.shots.count:
                break
        return found if self.shots.by == "random" else found[::-1]

    @cached_property
    def _drawn(self) -> list[int]:
        """The same for all examples, so that all are asked alike and a server reads them once."""
        order = np.random.default_rng(self.shots.seed).permutation(len(self.pool.examples))
        return [int(number) for number in order]

    def _nearest(self, example: Example) -> list[int]:
        near = self._vectors @ self._embedder([_text(example)])[0]
        return [int(number) for number in np.argsort(-near, kind="stable")]

    @cached_property
    def _vectors(self) -> Vectors:
        return self._embedder([_text(one) for one in self.pool.examples])

    @cached_property
    def _embedder(self) -> "Embedder":
        assert self.pool.student is not None
        return Embedder(self.pool.student, min(self.pool.longest, _TOKENS))


class Embedder:
    """Vectors of texts by an encoder: the mean of what it makes of their tokens, of length 1."""

    def __init__(self, folder: Path, longest: int) -> None:
        """longest: tokens that are read of a text. Raises ModelError."""
        from transformers import AutoModel

        from distil.framework.models.tokenizers import load_model_tokenizer

        self._longest = longest
        self._tokenizer = load_model_tokenizer(folder)
        self._model = AutoModel.from_pretrained(str(folder), trust_remote_code=False, use_safetensors=True).eval()

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """[texts, D]"""
        import torch

        found = []
        with torch.inference_mode():
            for begin in range(0, len(texts), _TOGETHER):
                read = self._tokenizer(
                    list(texts[begin : begin + _TOGETHER]),
                    truncation=True,
                    max_length=self._longest,
                    padding=True,
                    return_tensors="pt",
                )
                states = self._model(**read).last_hidden_state.float()
                mask = read["attention_mask"][:, :, None]
                mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
                found.append(torch.nn.functional.normalize(mean, dim=-1).numpy())
        return np.concatenate(found)


def _text(example: Example) -> str:
    """A question before its context, which may be cut."""
    return "\n".join(sorted(example.texts, key=len))
