from tests.any_count import anys

SOURCE = '''
from typing import Any
import typing

def one(first: Any, second: "dict[str, Any]") -> typing.Any:
    """Any text, and `dict[str, Any]` in words."""
    return "Any"
'''


def test_names_and_quoted_annotations_count_and_texts_do_not() -> None:
    assert list(anys(SOURCE)) == [5, 5, 5]
