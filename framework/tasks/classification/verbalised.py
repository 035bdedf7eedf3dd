"""Generative models as classifiers: each label by the likelihood of the words that stand for it, after a prompt.

A pattern with a verbaliser (Schick & Schütze, arXiv 2001.07676), scored by whole words as in Brown et al. (arXiv 2005.14165).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.data.features import WindowSettings
from distil.framework.device import autocast, default_device
from distil.framework.errors import DataError, RecipeError
from distil.framework.generative.asking import Asking, writer_for
from distil.framework.generative.prompts import Piece, begin_of_text, encode, pieces_of
from distil.framework.generative.training import Generation
from distil.framework.generative.writer import Ids, Writer
from distil.framework.language.words import count_of
from distil.framework.models.bounds import count_parameters
from distil.framework.models.build import pretrained_model
from distil.framework.models.configuration import read_config
from distil.framework.models.kind import Generator, generator_of
from distil.framework.models.tokenizers import SpecialTokens, load_model_tokenizer, special_tokens
from distil.framework.progress import SILENT, Progress
from distil.framework.signals.algebra import Signals
from distil.framework.signals.steps import ask
from distil.framework.tasks.base import Own, Plain
from distil.framework.tasks.classification.data import Text
from distil.framework.tasks.classification.signal import write_single

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from distil.framework.tasks.base import InferenceConfig
    from distil.framework.tasks.sections import GenerativeSection

Verbaliser = Mapping[str, str | list[str]] | None
TEMPLATE = "{text}\nlabel:"
PAIR_TEMPLATE = "{text}\n{text_pair}\nlabel:"
_FEWEST = 8  # tokens of a text that a prompt has to have room for


def parse(template: str) -> list[Piece]:
    """The pieces of a prompt. Raises ValueError unless it names {text} once, and {text_pair} once at most."""
    return pieces_of(template, ["text"], ["text_pair"], TEMPLATE)


@dataclass(frozen=True)
class LabelPrompts:
    """Makes the prompts of one model. length: tokens of the longest, without what it answers; words: for every label what
    stands for it, as tokens with their end."""

    tokenizer: "PreTrainedTokenizerFast"
    generator: Generator
    special: SpecialTokens
    template: str | None
    length: int
    words: Sequence[Sequence[Ids]]

    def of(self, text: Text) -> Ids:
        """The prompt of a text, or of a pair, whose longer text is cut where both do not fit. Raises RecipeError for a
        template without room, or without {text_pair} where there is one."""
        pieces = parse(self.template or (TEMPLATE if text.pair is None else PAIR_TEMPLATE))
        named = [piece.field for piece in pieces if piece.field is not None]
        if (text.pair is not None) != ("text_pair" in named):
            raise RecipeError(
                f"the prompt {self.template!r} names {', '.join(named)}, and text '{text.id}' is "
                f"{'a pair' if text.pair is not None else 'no pair'}: put the teacher's `prompt` right"
            )
        given = {"text": text.text, "text_pair": text.pair or ""}
        parts = [
            encode(self.tokenizer, piece.text + (given[piece.field] if piece.field else "")).ids for piece in pieces
        ]
        begin = np.asarray(begin_of_text(self.tokenizer), np.int32)
        end = np.asarray([self.special.end] if self.generator.encoder_decoder else [], np.int32)
        fields = [number for number, piece in enumerate(pieces) if piece.field is not None]
        over = len(begin) + len(end) + sum(map(len, parts)) - self.length
        for _ in range(max(over, 0)):
            longest = max(fields, key=lambda number: len(parts[number]))
            parts[longest] = parts[longest][:-1]
        if over > 0 and max(len(parts[number]) for number in fields) < _FEWEST:
            raise RecipeError(
                f"windows.max_length leaves fewer than {_FEWEST} tokens of a text beside the prompt's own and the label's words; "
                "raise it, or shorten `prompt`"
            )
        return np.concatenate([begin, *parts, end])


def label_prompts(
    tokenizer: "PreTrainedTokenizerFast",
    config: Own,
    max_length: int,
    template: str | None,
    words: Sequence[Sequence[str]],
    forced: int | None = None,
) -> LabelPrompts:
    """The maker of prompts for a model of this configuration, which reads `max_length` tokens: of a decoder with the answer.

    words: for every label. Raises RecipeError for two labels that begin with the same tokens of which none tells them apart.
    """
    generator, special = generator_of(config), special_tokens(tokenizer, config, forced)
    lead = "" if generator.encoder_decoder else " "  # a decoder goes on with the prompt's text
    tokens = [
        [np.append(encode(tokenizer, lead + word).ids, np.int32(special.end)) for word in of_label]
        for of_label in words
    ]
    flat = [tuple(ids.tolist()) for of_label in tokens for ids in of_label]
    if len(set(flat)) < len(flat):
        texts = [word for of_label in words for word in of_label]
        twice = next(number for number, ids in enumerate(flat) if flat.index(ids) < number)
        raise RecipeError(
            f"'{texts[flat.index(flat[twice])]}' and '{texts[twice]}' are the same tokens to {tokenizer.name_or_path or 'the model'}: "
            "give the labels other words in task.verbaliser"
        )
    answer = 0 if generator.encoder_decoder else max(map(len, flat))
    return LabelPrompts(tokenizer, generator, special, template, max_length - answer, tokens)


def label_generation(
    examples: Sequence[Text],
    labels: Sequence[str],
    verbaliser: Verbaliser,
    teacher: "GenerativeSection",
    windows: WindowSettings,
    tokenizer: "PreTrainedTokenizerFast",
) -> Generation:
    """The objective of labelled texts: to write the first word of the gold label. Raises DataError if no text has one."""
    config, forced = teacher.configuration(tokenizer)
    words = words_of(labels, verbaliser)
    prompts = label_prompts(tokenizer, config, windows.max_length, teacher.prompt, words, forced)
    known = [text for text in examples if text.labelled]
    if not known:
        raise DataError(
            f"of {count_of(len(examples), 'text')} none has a label; a teacher is fine-tuned on labelled texts"
        )
    numbers = {label: number for number, label in enumerate(labels)}
    answers = [prompts.words[numbers[text.labels[0]]][0] for text in known]
    return Generation(prompts.generator, prompts.special, [prompts.of(text) for text in known], answers)


@dataclass(frozen=True)
class LabelPredictor:
    """See Predictor. `inference.batch_size` counts prompts, or pairs of a prompt and a word."""

    model: Own
    prompts: LabelPrompts
    length_normalisation: float
    inference: "InferenceConfig"

    @property
    def parameters(self) -> int:
        """See Predictor."""
        return count_parameters(self.model)

    @cached_property
    def writer(self) -> Writer:
        """The model, on its device."""
        return writer_for(self.prompts.generator, self.model.to(default_device()).eval(), self.prompts.special)

    def predict(self, examples: Sequence[Text], progress: Progress = SILENT, title: str = "predict") -> Plain:
        """See Predictor."""
        signals = self.signals_of(self.run(self.prepare(examples), progress, title))
        return self.inference.task.predict_from_signals(examples, signals)

    def signals(self, examples: Sequence[Text], proposals: Sequence[Signals] = ()) -> Signals:
        """See Predictor; proposals are of no use to it."""
        return ask(self, examples)

    def prepare(self, examples: Sequence[Text], proposals: Sequence[Signals] = ()) -> list[Ids]:
        """See Steps: the prompt of each text."""
        return [self.prompts.of(example) for example in examples]

    def run(self, prepared: Sequence[Ids], progress: Progress = SILENT, title: str = "") -> NDArray[np.float64]:
        """See Steps: log P of all labels' words. [E, W]"""
        import torch

        device, words = default_device(), [ids for of_label in self.prompts.words for ids in of_label]
        asking = Asking(
            writer=self.writer,
            prompts=prepared,
            longest_prompt=self.prompts.length,
            longest_answer=max(map(len, words)),
            limit=self.inference.limit(device),
            filled=not self.inference.one_by_one,
        )
        work = progress.task(title, len(asking.batches()), "batches")
        with work as bar, torch.inference_mode(), autocast(device, self.inference.precision):
            return np.asarray(asking.log_probs([words] * len(prepared), bar)).reshape(len(prepared), len(words))

    def signals_of(self, said: NDArray[np.float64]) -> Signals:
        """See Steps."""
        lengths = np.asarray([len(ids) for of_label in self.prompts.words for ids in of_label], np.float64)
        return write_single(_by_label(said / lengths**self.length_normalisation, self.prompts.words))


def label_predictor(
    folder: Path,
    inference: "InferenceConfig",
    teacher: "GenerativeSection",
    labels: Sequence[str],
    verbaliser: Verbaliser,
) -> LabelPredictor:
    """The model in `folder`. Raises ModelError."""
    tokenizer = load_model_tokenizer(folder)
    model = pretrained_model(generator_of(read_config(folder)), folder)
    forced = model.generation_config.forced_bos_token_id
    words = words_of(labels, verbaliser)
    prompts = label_prompts(tokenizer, model.config, inference.windows.max_length, teacher.prompt, words, forced)
    return LabelPredictor(model, prompts, teacher.length_normalisation, inference)


def words_of(labels: Sequence[str], verbaliser: Verbaliser) -> list[list[str]]:
    """What stands for each label, in their order: its own name, where nothing else is given."""
    given = verbaliser or {}
    words = [given.get(label, label) for label in labels]
    return [[word] if isinstance(word, str) else word for word in words]


def _by_label(scores: NDArray[np.float64], words: Sequence[Sequence[Ids]]) -> NDArray[np.float64]:
    """Scores of all words, [E, W], as one of each label: masses of several words add up. [E, labels]"""
    ends = np.cumsum([len(of_label) for of_label in words])
    return np.stack([np.logaddexp.reduce(part, axis=1) for part in np.split(scores, ends[:-1], axis=1)], axis=1)
