"""What of an error is said."""

import pytest

from framework.errors import first_line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no such field\nhere is more"), "no such field"),
        (
            ValueError("Validation error for field 'size':\n    expected int, got str\nmore"),
            "Validation error for field 'size': expected int, got str",
        ),
        (ValueError("it ends here:"), "it ends here:"),
        (KeyError(), "KeyError"),
        (ValueError("x" * 400), "x" * 300),
    ],
)
def test_the_first_line_is_said_and_what_it_announces(error: Exception, said: str) -> None:
    assert first_line(error) == said
