"""The version of distil that is installed."""

from importlib.metadata import PackageNotFoundError, version


def distil_version() -> str:
    """As the package says it; of sources that nobody has installed, that nobody knows it."""
    try:
        return version("multi-teacher-distil")
    except PackageNotFoundError:
        return "unknown: not installed"
