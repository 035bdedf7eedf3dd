"""A student without the tokens that some questions do not need (Abdaoui et al., arXiv 2010.05609)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from framework.data.example import Example
from framework.data.features import WindowSettings
from framework.errors import ModelError
from framework.models.bounds import count_parameters
from framework.models.build import save_model
from framework.models.copies import copy_rows
from framework.models.tokenizers import fit_to_model
from framework.predictors.logits import LogitsPredictor, logits_predictor
from framework.students.vocabulary import trim_tokenizer
from framework.tasks.base import InferenceConfig, Task

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

_COMPARED = 4  # questions on which what the model says is compared
_TOLERANCE = 1e-4  # of logits


def trim(
    source: Path, examples: Sequence[Example], task: Task, windows: WindowSettings, folder: Path
) -> dict[str, int]:
    """Save in `folder` the model in `source`, and its tokenizer, without the tokens that the examples do not need.

    In such features of the examples, tokens and outputs stay the same. Returns the numbers of `tokens` and `parameters`,
    and of both before. Raises ModelError for a tokenizer or an architecture that cannot be trimmed.
    """
    inference = InferenceConfig(task, windows, batch_size=_COMPARED, precision="fp32")
    before = logits_predictor(source, inference)
    texts = list(dict.fromkeys(task.tokenized(examples, before.tokenizer, windows)))
    tokenizer = trim_tokenizer(before.tokenizer, texts, _named(before.model.config), folder)
    rows = before.tokenizer.convert_tokens_to_ids(tokenizer.convert_ids_to_tokens(range(len(tokenizer))))
    model = copy_rows(task, before.model, rows)
    fit_to_model(tokenizer, model.config)
    save_model(model, tokenizer, folder)
    _check(before, logits_predictor(folder, inference), examples[:_COMPARED])
    return {
        "tokens": len(tokenizer),
        "tokens_before": len(before.tokenizer),
        "parameters": count_parameters(model),
        "parameters_before": count_parameters(before.model),
    }


def _named(config: "PreTrainedConfig") -> set[int]:
    """The numbers of tokens that a configuration names."""
    values = (value for name, value in config.to_dict().items() if name.endswith("_token_id"))
    return {one for value in values for one in (value if isinstance(value, list) else [value]) if one is not None}


def _check(before: LogitsPredictor, after: LogitsPredictor, examples: Sequence[Example]) -> None:
    """Refuse an architecture that does more with the numbers of tokens than look up embeddings. Raises ModelError."""
    logits = [np.concatenate(predictor.outputs(examples)[1], axis=-1) for predictor in (before, after)]
    difference = float(np.abs(logits[0] - logits[1]).max())
    if not difference <= _TOLERANCE:
        raise ModelError(
            f"student.trim: a {after.model.config.model_type} model says something else once tokens that are not needed are "
            f"gone (logits differ by {difference:.2g}): it does more with their numbers than look up embeddings; drop `trim`"
        )
