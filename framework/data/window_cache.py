"""Features that are cached: students of one process often read the same questions with the same tokenizer."""

import json
from collections import OrderedDict
from typing import TYPE_CHECKING

from distil.framework.data.features import Features, WindowSettings
from distil.framework.data.load import Split
from distil.framework.digest import digest_of_strings
from distil.framework.models.probe import most_completed
from distil.framework.models.tokenizers import decoder_start, named_ends
from distil.framework.progress import SILENT, Progress
from distil.framework.tasks.base import Task
from distil.framework.tasks.facts import trained_settings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_MOST = 2  # a student's questions, and those on which it is measured
_cached: OrderedDict[str, Features] = OrderedDict()


def split_features(
    task: Task,
    split: Split,
    tokenizer: "PreTrainedTokenizerFast",
    settings: WindowSettings,
    progress: Progress = SILENT,
) -> Features:
    """The features of a split's examples, as the task makes them; made once for the last splits and tokenizers.

    Nobody may write into them. Raises ModelError as the task does.
    """
    if not tokenizer.is_fast:
        return task.features(split.examples, tokenizer, settings, progress)  # which says what is wrong
    settings_of_task = json.dumps(trained_settings(task), sort_keys=True)
    # Texts are put into its chat template, and end with its end-of-text token.
    about = (
        (decoder_start(tokenizer), most_completed(tokenizer, settings.max_length) if task.writes else None),
        (tokenizer.chat_template, tokenizer.special_tokens_map, named_ends(tokenizer)),
    )
    cut = f"{tokenizer_digest(tokenizer)} {about}"
    key = digest_of_strings([settings_of_task, split.digest, cut, settings.model_dump_json()])
    if key not in _cached:
        _cached[key] = task.features(split.examples, tokenizer, settings, progress)
    _cached.move_to_end(key)
    while len(_cached) > _MOST:
        _cached.popitem(last=False)
    return _cached[key]


def tokenizer_digest(tokenizer: "PreTrainedTokenizerFast") -> str:
    """Digest of all that decides how a fast tokenizer cuts texts into windows."""
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()  # both are set anew by every call, and are part of its text
    backend.no_padding()
    return digest_of_strings([backend.to_str(), *(str(name) for name in tokenizer.model_input_names)])
