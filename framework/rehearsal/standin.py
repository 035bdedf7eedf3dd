"""A model like a recipe's, but for what it knows: of the same configuration, with random weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from framework.data.example import Example
from framework.models.build import random_model, save_model
from framework.models.kind import ModelKind
from framework.models.section import TrainedTokenizer
from framework.models.tokenizer_training import train_tokenizer
from framework.paper.published import PUBLISHED


def put_standin(
    config: Any, kind: ModelKind, settings: TrainedTokenizer, examples: Sequence[Example], folder: Path
) -> None:
    """Save a model of this configuration in `folder`, in Hugging Face form.

    Its tokenizer is trained on the examples, and so has only as many of the vocabulary's tokens as their words need.
    """
    texts = dict.fromkeys(text for example in examples for text in example.texts)
    save_model(random_model(kind, config, seed=0), train_tokenizer(settings, texts), folder)


def published_tokenizer(id: str) -> TrainedTokenizer:
    """How a tokenizer like that of the hub's model `id` is trained."""
    known = PUBLISHED[id]
    return TrainedTokenizer(kind=known.tokenizer, vocab_size=known.vocabulary)
