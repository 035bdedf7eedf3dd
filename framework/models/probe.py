"""What a model reads, and whether it answers, found by trying it."""

import json
from copy import deepcopy
from functools import lru_cache
from typing import TYPE_CHECKING

from distil.framework.errors import ModelError, first_line
from distil.framework.files import Json
from distil.framework.models.kind import Generator, ModelKind
from distil.framework.models.tokenizers import decoder_start

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

_SHORT = 16  # tokens of the shortest windows
_WHERE_IT_IS_FROM = ("_name_or_path", "architectures")  # tells nothing of the model, and differs between its copies
_LENGTHS = (_SHORT - 1, _SHORT)  # of texts that a model is tried on: batches are as long as their longest text
_TOKENS = 16
_BY_FACTOR = ("linear", "dynamic", "yarn")  # ways in which rotary positions are scaled


def most_tokens(kind: ModelKind, config: "PreTrainedConfig", wanted: int) -> int:
    """The largest number of tokens, up to `wanted`, that a model of this configuration can read at once.

    A model without weights is run; configurations do not tell, as some models number their positions from the padding
    token on, and others have no table of them. Models that turn their vectors by position compute any, but have learnt
    no further ones than their configuration names, times the factor by which it scales them.
    """
    return _most_tokens(Asked(kind, config), wanted)


def most_written(kind: ModelKind, config: "PreTrainedConfig", wanted: int) -> int:
    """The largest number of tokens, up to `wanted`, that the decoder of an encoder-decoder that writes can read at once."""
    return _most_tokens(Asked(kind, config), wanted, written=True)


def most_completed(tokenizer: "PreTrainedTokenizerFast", wanted: int) -> int:
    """Tokens of a completion, its end included, that the model to which a tokenizer was fitted can be asked about, up to `wanted`: the decoder
    of an encoder-decoder reads what it begins with and all but the last of them, and may have fewer positions than the encoder."""
    config: PreTrainedConfig | None = vars(tokenizer).get("decoder_config")
    if config is None:
        return wanted
    further = len(decoder_start(tokenizer)) - 1
    return most_written(Generator(encoder_decoder=True), config, wanted + further) - further


def check_reads_text(kind: ModelKind, config: "PreTrainedConfig") -> None:
    """Refuse a model that wants something else than text, or text of some lengths alone. Raises ModelError."""
    _check_reads_text(Asked(kind, config))


def probe_inputs(kind: ModelKind, config: "PreTrainedConfig", length: int) -> "dict[str, Tensor]":
    """Inputs [1, length] that any text model takes: a question and a context, whatever they say."""
    import torch

    text = config.get_text_config()
    taken = {getattr(text, f"{part}_token_id", None) for part in ("pad", "sep", "eos", "bos", "cls", "mask")}
    word = next(number for number in reversed(range(text.vocab_size)) if number not in taken)
    ids = torch.full((1, length), word)
    separator = getattr(text, "sep_token_id", None)
    if isinstance(separator, int) and separator < text.vocab_size:
        ids[0, [length // 4, length // 4 + 1, length - 1]] = separator  # Longformer wants these three
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    writes = getattr(kind, "writes", False) and config.is_encoder_decoder  # a task's, of which models may be either
    if writes or getattr(kind, "encoder_decoder", False):
        inputs["decoder_input_ids"] = ids[:, :1]
    return inputs


class Asked:
    """A kind and a configuration that are the same as others with the same contents."""

    def __init__(self, kind: ModelKind, config: "PreTrainedConfig") -> None:
        self.kind, self.config = kind, config
        fields = {name: value for name, value in config.to_dict().items() if name not in _WHERE_IT_IS_FROM}
        self._text = json.dumps([kind.model_class().__name__, fields], sort_keys=True, default=str)

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Asked) and self._text == other._text


@lru_cache(maxsize=4)
def _model(asked: Asked) -> "PreTrainedModel":
    from distil.framework.models.weightless import weightless_model

    return weightless_model(asked.kind, deepcopy(asked.config))  # LED's writes into it


@lru_cache(maxsize=64)
def _check_reads_text(asked: Asked) -> None:
    from distil.framework.models.weightless import CannotTell, run_weightless

    model = _model(asked).train()
    for length in _LENGTHS:
        try:
            output = run_weightless(model, probe_inputs(asked.kind, asked.config, length))
            if hasattr(asked.kind, "logits"):  # of a task
                asked.kind.logits(output)
        except CannotTell:
            return
        except Exception as error:  # whatever its code raises
            raise ModelError(
                f"a {asked.config.model_type} model cannot be trained on {length} tokens of text alone: {first_line(error)}"
            ) from None


@lru_cache(maxsize=64)
def _most_tokens(asked: Asked, wanted: int, written: bool = False) -> int:
    """written: by the decoder alone."""
    text = asked.config.get_text_config()
    learnt = getattr(text, "max_position_embeddings", None)
    learnt = learnt if isinstance(learnt, int) and learnt > 0 else wanted
    model = _model(asked).eval()
    if rope := getattr(text, "rope_parameters", None):
        learnt = _stretched(rope, learnt)
        wanted = min(wanted, learnt)
    if _reads(model, asked, wanted, written):
        return wanted
    least, most = _SHORT, wanted
    if most <= least or not _reads(model, asked, least, written):  # its length may not be what it minds
        return min(wanted, learnt)
    while most - least > 1:
        middle = (least + most) // 2
        if _reads(model, asked, middle, written):
            least = middle
        else:
            most = middle
    return least


def _stretched(rope: Json, learnt: int) -> int:
    """Positions of a model that scales those that it has learnt: where it does so by a factor, configurations may name the learnt ones alone."""
    factor, before = rope.get("factor"), rope.get("original_max_position_embeddings", learnt)
    if rope.get("rope_type") not in _BY_FACTOR or not isinstance(factor, int | float) or not isinstance(before, int):
        return learnt
    return max(learnt, int(before * factor))


def _reads(model: "PreTrainedModel", asked: Asked, length: int, written: bool) -> bool:
    import torch

    from distil.framework.models.weightless import run_weightless

    inputs = probe_inputs(asked.kind, asked.config, min(length, _SHORT) if written else length)
    if written:
        inputs["decoder_input_ids"] = torch.full((1, length), int(inputs["input_ids"][0, 0]))
    try:
        run_weightless(model, inputs)
    except Exception:  # whatever a table of positions raises that is too short
        return False
    return True


def check_answers(task: ModelKind, model: "PreTrainedModel") -> None:
    """Refuse a model whose weights are sound and whose answers are no numbers. Raises ModelError."""
    import torch

    was_training = model.training
    try:
        with torch.inference_mode():
            output = model.eval()(**probe_inputs(task, model.config, _TOKENS))
    except Exception:  # inputs that it does not take have been found in its configuration
        return
    finally:
        model.train(was_training)
    if bool(task.logits(output).isnan().any()):  # type: ignore[attr-defined]
        raise ModelError(
            f"a {model.config.model_type} model of this configuration computes NaN before it is trained; look at fields such as "
            "layer_norm_eps"
        )
