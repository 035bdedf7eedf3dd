"""Options that stood elsewhere in earlier recipes."""

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
