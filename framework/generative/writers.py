"""The two kinds of writer, by the kind of generator."""

from typing import Any

from framework.generative.causal import CausalWriter, pads_left, remembers
from framework.generative.kind import Generator
from framework.generative.seq2seq import Seq2SeqWriter
from framework.generative.writer import Writer
from framework.models.special_tokens import SpecialTokens


def writer_for(generator: Generator, model: Any, special: SpecialTokens) -> Writer:
    """The writer of a model that is on its device. What the model's own files say of how to generate no longer counts."""
    from transformers import GenerationConfig

    # Whatever a search is not told it takes from there: shortest answers, forced ends, penalties for what is repeated.
    model.generation_config = GenerationConfig()
    if generator.encoder_decoder:
        return Seq2SeqWriter(model, special)
    return CausalWriter(model, special, pads_left(model), remembers(model))
