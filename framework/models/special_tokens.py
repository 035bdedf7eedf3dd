"""The tokens with which a generator's texts begin, end and are filled up."""

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from framework.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class SpecialTokens:
    """Numbers of tokens. end: ends an answer; start: those that the decoder of an encoder-decoder begins with."""

    pad: int
    end: int
    start: tuple[int, ...]


def special_tokens(tokenizer: "PreTrainedTokenizerFast", config: Any, forced: int | None = None) -> SpecialTokens:
    """[SEP] ends a text where there is no end-of-text token, as in BERT's vocabularies. Raises ModelError without both.

    forced: the token that a model's generation_config.json forces to come first, such as that of mBART-50's language: it
    belongs to the beginning, not to the answer.
    """
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    if end is None:
        raise ModelError(
            "the tokenizer has neither an end-of-text token nor [SEP], one of which has to end an answer; use one that has"
        )
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end
    start = getattr(config, "decoder_start_token_id", None)
    begin = (int(pad if start is None else start), *([] if forced is None else [int(forced)]))
    return SpecialTokens(int(pad), int(end), begin)


def named_tokens(tokenizer: "PreTrainedTokenizerFast") -> dict[str, int]:
    """The numbers of [CLS], [SEP] and [MASK], as far as there are such, as configurations name them."""
    names = ("cls_token_id", "sep_token_id", "mask_token_id")
    return {name: number for name in names if (number := getattr(tokenizer, name)) is not None}


def tell_special_tokens(model: Any, tokenizer: "PreTrainedTokenizerFast") -> None:
    """Note the tokenizer's special tokens in a generator's configurations, so that others generate alike with it."""
    from huggingface_hub.errors import StrictDataclassError

    found = special_tokens(tokenizer, model.config)
    model.generation_config.pad_token_id = found.pad
    for settings in (model.config, model.generation_config):
        with suppress(StrictDataclassError):  # some architectures have to name one
            settings.bos_token_id = tokenizer.bos_token_id
        ends = getattr(settings, "eos_token_id", None)
        if not (isinstance(ends, list) and found.end in ends):
            settings.eos_token_id = found.end
        if model.config.is_encoder_decoder:
            settings.decoder_start_token_id = found.start[0]
