"""The time, as files hold it."""

from datetime import UTC, datetime


def now() -> str:
    """The time now: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
