"""Whether models of an architecture can be asked and trained as generators: by trying one."""

from typing import TYPE_CHECKING

import numpy as np

from distil.framework.data.batches import BatchLimit
from distil.framework.errors import ModelError, first_line
from distil.framework.generative.asking import Asking, writer_for
from distil.framework.generative.causal import rounding
from distil.framework.generative.training import Generation
from distil.framework.generative.writer import Beams, Ids
from distil.framework.models.build import random_model
from distil.framework.models.kind import Generator
from distil.framework.models.tokenizers import SpecialTokens
from distil.framework.progress import SILENT

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

TRIED = 50_000_000  # parameters up to which a model is built for a trial, which takes a second then
_END = 1
_LENGTHS = (9, 12)  # tokens of the prompts
_TOKENS = 64  # of a forward pass
_ANSWERS = (2, 4)  # tokens of the answers to each
_LEAST = 0.2  # where logits are smaller than that, log-probabilities are rounded by more
_NEW, _LEARNT = (
    5e-6,
    1e-4,
)  # of the largest logit, by which a token's log-probability may differ; of random weights, or not


def try_architecture(generator: Generator, config: "PreTrainedConfig") -> None:
    """Build a model of this configuration with random weights, let it write, score and learn. Raises ModelError."""
    model = random_model(generator, config, seed=0)
    try:
        _check_training(generator, model)
        _check_answers(generator, model, _NEW)
    except Exception as error:  # a model's code raises whatever it raises
        raise _refusal(model, error) from None


def try_model(generator: Generator, model: "PreTrainedModel") -> None:
    """Let a model write and score. Raises ModelError."""
    try:
        _check_answers(generator, model, max(_LEARNT, rounding(model)))
    except Exception as error:
        raise _refusal(model, error) from None


def _refusal(model: "PreTrainedModel", error: Exception) -> ModelError:
    return ModelError(
        f"a {model.config.model_type} model of this configuration cannot be a generative teacher: {first_line(error)}; use "
        "another one"
    )


def _check_answers(generator: Generator, model: "PreTrainedModel", tolerance: float) -> None:
    """Raises ModelError if a score depends on what else is asked, or is not that by which the search ranks."""
    import torch

    generation, special = model.generation_config, _special(model)
    writer = writer_for(generator, model.eval(), special)
    try:
        asking = Asking(writer, _prompts(model), 16, 8, BatchLimit(_TOKENS))
        with torch.inference_mode(), SILENT.task("", 0) as bar:
            answers = [_answers(model) for _ in _LENGTHS]
            for prompt, of_prompt, found in zip(asking.prompts, answers, asking.log_probs(answers, bar), strict=True):
                expected = [_log_p(generator, model, special, prompt, answer) for answer in of_prompt]
                if not all(
                    abs(log_p - own) <= tolerance * largest
                    for log_p, (own, largest) in zip(found, expected, strict=True)
                ):
                    raise ModelError("how probable it finds an answer depends on what it is asked beside it")
            prompt = asking.prompts[0]
            ids, ranks = writer.search(writer.read([prompt], len(prompt)), Beams(2, 3, 0.0))
            assert ranks is not None
            best = ids[0].cpu().numpy().astype(np.int32)
            best = best[: int(np.argmax(best == _END)) + 1] if (best == _END).any() else best
            log_p, largest = _log_p(generator, model, special, prompt, best)
            if not abs(ranks[0].item() - log_p) <= tolerance * largest:
                raise ModelError("the search for its best answer does not rank by how probable it finds answers")
    finally:
        model.generation_config = generation


def _check_training(generator: Generator, model: "PreTrainedModel") -> None:
    import torch

    items = Generation(generator, _special(model), _prompts(model), _answers(model))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        loss, _ = items.loss(model.train(), items.batch(np.arange(len(_LENGTHS)), True, 0), 0.0)
        loss.backward()  # type: ignore[no-untyped-call]
    if not torch.isfinite(loss):
        raise ModelError("its loss is not finite")


def _log_p(
    generator: Generator, model: "PreTrainedModel", special: SpecialTokens, prompt: Ids, answer: Ids
) -> tuple[float, float]:
    """log P(answer | prompt) by its definition, one pass over both with nothing beside them, and the largest of its
    logits, over all of its tokens."""
    import torch

    asked, target = (torch.from_numpy(ids.astype(np.int64))[None].to(model.device) for ids in (prompt, answer))
    if generator.encoder_decoder:
        begun = torch.cat([torch.tensor([special.start], device=model.device), target[:, :-1]], dim=1)
        inputs = {"input_ids": asked, "decoder_input_ids": begun, "decoder_attention_mask": torch.ones_like(begun)}
    else:
        inputs = {"input_ids": torch.cat([asked, target[:, :-1]], dim=1)}
    logits = model(**inputs, use_cache=False).logits[0, -len(answer) :].double()
    log_p = logits.log_softmax(-1).gather(1, target[0, :, None]).sum()
    spread = (logits - logits.mean(1, keepdim=True)).abs().max()
    return log_p.item(), len(answer) * max(spread.item(), _LEAST)


def _special(model: "PreTrainedModel") -> SpecialTokens:
    config = model.config
    start = getattr(config, "decoder_start_token_id", None)
    pad = getattr(config.get_text_config(), "pad_token_id", None) or 0
    return SpecialTokens(pad, _END, (pad if start is None else start,))


def _prompts(model: "PreTrainedModel") -> list[Ids]:
    return [_ids(model, length) for length in _LENGTHS]


def _answers(model: "PreTrainedModel") -> list[Ids]:
    return [np.append(_ids(model, length - 1)[::-1], np.int32(_END)) for length in _ANSWERS]


def _ids(model: "PreTrainedModel", count: int) -> Ids:
    """Tokens that are neither the end nor, where that is the first of the vocabulary, the filling."""
    generator = np.random.default_rng(count)
    return generator.integers(_END + 1, model.config.get_text_config().vocab_size, count).astype(np.int32)
