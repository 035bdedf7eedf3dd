"""distil as a library. docs/python.md has every name, with examples.

What a name stands for is imported when it is first used: `import distil` takes no time, and neither PyTorch nor Ray.
"""

from importlib import import_module
from typing import TYPE_CHECKING

import distil.framework  # noqa: F401  # before PyTorch, on whose products it has a say

if TYPE_CHECKING:
    from distil import asking as asking
    from distil import errors as errors
    from distil import losses as losses
    from distil import rules as rules
    from distil import sections as sections
    from distil import training as training
    from distil.comparing import ComparedRuns as ComparedRuns
    from distil.comparing import compare as compare
    from distil.completing import Completions as Completions
    from distil.completing import complete as complete
    from distil.data import as_source as as_source
    from distil.differences import Comparison as Comparison
    from distil.differences import Difference as Difference
    from distil.errors import DataError as DataError
    from distil.errors import DistilError as DistilError
    from distil.errors import ModelError as ModelError
    from distil.errors import OutputError as OutputError
    from distil.errors import RecipeError as RecipeError
    from distil.errors import StoreError as StoreError
    from distil.errors import TrackingError as TrackingError
    from distil.errors import TrainingError as TrainingError
    from distil.errors import UserError as UserError
    from distil.evaluating import Evaluated as Evaluated
    from distil.evaluating import evaluate as evaluate
    from distil.labelling import SoftLabels as SoftLabels
    from distil.labelling import label as label
    from distil.predictor import Predictor as Predictor
    from distil.predictor import load as load
    from distil.progress import Step as Step
    from distil.recipes import load_recipe as load_recipe
    from distil.results import Model as Model
    from distil.results import Run as Run
    from distil.results import SignalTable as SignalTable
    from distil.results import load_run as load_run
    from distil.running import run as run
    from distil.searching import SearchRun as SearchRun
    from distil.searching import load_search as load_search
    from distil.searching import search as search
    from distil.sections import Recipe as Recipe

    __version__: str

_NAMES = {
    "distil.comparing": ("ComparedRuns", "compare"),
    "distil.completing": ("Completions", "complete"),
    "distil.data": ("as_source",),
    "distil.differences": ("Comparison", "Difference"),
    "distil.errors": (
        "DataError",
        "DistilError",
        "ModelError",
        "OutputError",
        "RecipeError",
        "StoreError",
        "TrackingError",
        "TrainingError",
        "UserError",
    ),
    "distil.evaluating": ("Evaluated", "evaluate"),
    "distil.labelling": ("SoftLabels", "label"),
    "distil.predictor": ("Predictor", "load"),
    "distil.progress": ("Step",),
    "distil.recipes": ("load_recipe",),
    "distil.results": ("Model", "Run", "SignalTable", "load_run"),
    "distil.running": ("run",),
    "distil.searching": ("SearchRun", "load_search", "search"),
    "distil.sections": ("Recipe",),
}
_MODULES = ("asking", "errors", "losses", "rules", "sections", "training")
_PLACES = {name: module for module, names in _NAMES.items() for name in names}
__all__ = sorted([*_PLACES, *_MODULES])


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("multi-teacher-distil")
    if name in _MODULES:
        return import_module(f"distil.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module 'distil' has no attribute '{name}'; it has {', '.join(__all__)}")
    found: object = getattr(import_module(_PLACES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
