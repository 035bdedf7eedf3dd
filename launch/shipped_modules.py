"""Code that workers on other machines need: distil itself, and modules of the user's own that the recipe names."""

import importlib
from pathlib import Path

from framework.plugins import user_modules

_OWN = ("framework", "launch", "tracking")


def modules_to_ship() -> list[str]:
    """Files and folders of these modules, for Ray's `py_modules`."""
    return [str(_place(name)) for name in (*_OWN, *user_modules())]


def _place(name: str) -> Path:
    module = importlib.import_module(name)
    folders = list(getattr(module, "__path__", []))
    return Path(folders[0] if folders else str(module.__file__))
