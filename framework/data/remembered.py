"""Windows that are remembered: students of one process often read the same questions with the same tokenizer."""

from collections import OrderedDict
from typing import TYPE_CHECKING

from framework.data.load import Split
from framework.data.windows import Windows, cut_windows
from framework.data.windows_section import WindowSettings
from framework.digest import digest_of_strings
from framework.progress import SILENT, Progress

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_MOST = 2  # a student's questions, and those on which it is measured
_remembered: OrderedDict[str, Windows] = OrderedDict()


def split_windows(
    split: Split, tokenizer: "PreTrainedTokenizerFast", settings: WindowSettings, progress: Progress = SILENT
) -> Windows:
    """The windows of a split's examples, as `cut_windows` makes them; cut once for the last splits and tokenizers.

    Nobody may write into them. Raises ModelError as `cut_windows` does.
    """
    if not tokenizer.is_fast:
        return cut_windows(split.examples, tokenizer, settings, progress)  # which says what is wrong
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()  # both are set anew by every call, and are part of its text
    backend.no_padding()
    names = [str(name) for name in tokenizer.model_input_names]
    key = digest_of_strings([split.digest, backend.to_str(), *names, settings.model_dump_json()])
    if key not in _remembered:
        _remembered[key] = cut_windows(split.examples, tokenizer, settings, progress)
    _remembered.move_to_end(key)
    while len(_remembered) > _MOST:
        _remembered.popitem(last=False)
    return _remembered[key]
