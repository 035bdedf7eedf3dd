"""Config paths, such as `student.lr`: setting and dropping what plain data has there, and options that stood elsewhere earlier."""

from distil.framework.files import Json


class NoPlace(ValueError):
    """A place inside something that is no section: `found`, at the place `at`."""

    def __init__(self, at: str, found: object) -> None:
        super().__init__(f"{at} is {found!r}, not a section")
        self.at, self.found = at, found


def set_at(values: Json, place: str, value: object) -> None:
    """Set the value at a dotted place of plain data, making sections on the way. Raises NoPlace."""
    keys = place.split(".")
    section: Json = values
    for depth, key in enumerate(keys[:-1]):
        inner = {} if section.get(key) is None else section[key]
        if not isinstance(inner, dict):
            raise NoPlace(".".join(keys[: depth + 1]), inner)
        section[key] = dict(inner)  # a copy: by YAML's aliases other places may hold the same section
        section = section[key]
    section[keys[-1]] = value


def drop_at(values: Json, place: str) -> bool:
    """Take what plain data has at a dotted place out of it; False where it has nothing. Raises NoPlace."""
    keys = place.split(".")
    section: Json = values
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


_MOVED = {("data", "unanswerable"): ("task", "unanswerable")}  # section and key: where they are now
_TASK = {"kind": "extractive_qa"}  # the task of a recipe that names none


def moved(values: object) -> object:
    """A recipe as plain data with options of earlier recipes where they are now. Raises ValueError for one at both places."""
    for place in _found(values):
        assert isinstance(values, dict)
        (section, key), (to, name) = place, _MOVED[place]
        rest = {one: value for one, value in values[section].items() if one != key}
        target = dict(_TASK) if values.get(to) is None else values[to]
        if not isinstance(target, dict):
            return values
        value = values[section][key]
        if target.get(name, value) != value:
            raise ValueError(
                f"{section}.{key} is {value!r} and {to}.{name} {target[name]!r}, which is the same option: drop {section}.{key}"
            )
        values = {**values, section: rest, to: {**target, name: value}}
    return values


def notes_on(values: object) -> list[str]:
    """For each option that stands where it was earlier, in words, where it is now."""
    return [
        f"{'.'.join(place)} is {'.'.join(_MOVED[place])} now, and read at its old place too" for place in _found(values)
    ]


def _found(values: object) -> list[tuple[str, str]]:
    if not isinstance(values, dict):
        return []
    return [place for place in _MOVED if isinstance(values.get(place[0]), dict) and place[1] in values[place[0]]]
