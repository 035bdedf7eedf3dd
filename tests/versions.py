"""Tests of what takes a newer transformers than distil does."""

import pytest
import transformers
from packaging.version import Version


def before(version: str) -> bool:
    """Whether an older transformers is installed."""
    return Version(transformers.__version__) < Version(version)


def needs_transformers(version: str) -> pytest.MarkDecorator:
    """Skips a test where an older one is installed."""
    return pytest.mark.skipif(before(version), reason=f"it takes transformers {version}")
