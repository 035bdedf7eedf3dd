"""What is set before libraries are imported: that their chatter stays out of the output, and that Python does not look for garbage
among their modules, which takes a fifth of the time."""

import gc
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_ENVIRONMENT = {
    "TOKENIZERS_PARALLELISM": "true",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.25",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "PYTHONWARNINGS": "ignore",
}
_USUAL = gc.get_threshold()


def collect_seldom() -> None:
    """Have the garbage collector look seldom, while a command imports for seconds what it needs."""
    gc.set_threshold(100_000, *_USUAL[1:])


def collect_as_usual() -> None:
    """Have it look as often as usual, but not at what is there now: what is imported stays, and every training has Python look."""
    gc.freeze()
    gc.set_threshold(*_USUAL)


def be_quiet() -> None:
    """Silence progress bars, warnings and telemetry of the libraries, where the user has not asked for them."""
    quiet_environment()
    warnings.filterwarnings("ignore")


def quiet_environment() -> None:
    """The same, warnings of this process aside."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextmanager
def quietly() -> Iterator[None]:
    """In the context transformers shows neither bars nor messages; afterwards it does as before. Imports it."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    quiet_transformers()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def quiet_transformers() -> None:
    """Silence transformers' own bars and messages; imports it."""
    import torch
    import transformers

    if not torch.cuda.is_available():
        # transformers imports DeepSpeed as soon as it saves a model, which warns unless it is told.
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
