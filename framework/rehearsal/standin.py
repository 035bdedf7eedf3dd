"""A model like one of the hub's, but for what it knows: of the published configuration, with random weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from framework.data.example import Example
from framework.models.build import random_model, save_model
from framework.models.kind import ModelKind
from framework.models.section import TrainedTokenizer
from framework.models.tokenizers import train_tokenizer
from framework.paper.published import PUBLISHED, published_config


def put_standin(id: str, kind: ModelKind, examples: Sequence[Example], folder: Path) -> None:
    """Save a stand-in for the hub's model `id` in `folder`, in Hugging Face form.

    Its embedding has the published size. Its tokenizer, of the published kind, is trained on the examples, and so has
    only as many of these tokens as their words need.
    """
    config: Any = published_config(id)
    known = PUBLISHED[id]
    texts = dict.fromkeys(text for example in examples for text in (example.context, example.question))
    settings = TrainedTokenizer(kind=known.tokenizer, vocab_size=known.vocabulary)
    save_model(random_model(kind, config, seed=0), train_tokenizer(settings, texts), folder)
