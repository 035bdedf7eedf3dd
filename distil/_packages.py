"""Whether the packages that distil is made of are its own: their names are general ones, and a folder `framework` where somebody
works would come before them."""

from importlib.util import find_spec
from pathlib import Path

_PACKAGES = ("framework", "launch", "tracking")


def check_packages() -> None:
    """Raises ImportError for a package of another's, which says where that is."""
    beside = Path(__file__).resolve().parents[1]
    for name in _PACKAGES:
        spec = find_spec(name)
        found = None if spec is None or spec.origin is None else Path(spec.origin).resolve()
        if found != beside / name / "__init__.py":
            raise ImportError(
                f"distil's package '{name}' should be at {beside / name}, and Python finds "
                f"{found or 'none'} instead: rename that file or folder, or start Python elsewhere"
            )
