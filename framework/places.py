"""Places of a recipe, such as `student.lr`."""

from typing import Any


class NoPlace(ValueError):
    """A place inside something that is no section: `found`, at the place `at`."""

    def __init__(self, at: str, found: Any) -> None:
        super().__init__(f"{at} is {found!r}, not a section")
        self.at, self.found = at, found


def set_at(values: dict[str, Any], place: str, value: Any) -> None:
    """Set the value at a dotted place of plain data, making sections on the way. Raises NoPlace."""
    keys = place.split(".")
    section: Any = values
    for depth, key in enumerate(keys[:-1]):
        inner = {} if section.get(key) is None else section[key]
        if not isinstance(inner, dict):
            raise NoPlace(".".join(keys[: depth + 1]), inner)
        section[key] = dict(inner)  # a copy: by YAML's aliases other places may hold the same section
        section = section[key]
    section[keys[-1]] = value


def drop_at(values: dict[str, Any], place: str) -> bool:
    """Take what plain data has at a dotted place out of it; False where it has nothing. Raises NoPlace."""
    keys = place.split(".")
    section: Any = values
    for depth, key in enumerate(keys[:-1]):
        inner = section.get(key)
        if inner is None:
            return False
        if not isinstance(inner, dict):
            raise NoPlace(".".join(keys[: depth + 1]), inner)
        section[key] = dict(inner)  # a copy, as in set_at
        section = section[key]
    there = keys[-1] in section
    section.pop(keys[-1], None)
    return there
