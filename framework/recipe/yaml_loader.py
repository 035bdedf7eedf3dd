"""YAML as people expect it, read and written: 3e-5 is a number, a date is text, a key given twice is an error, every key
knows its line, and what would fill memory or stack is refused while it is read."""

import math
import re
from collections.abc import Hashable
from typing import Any, NoReturn

import yaml

MOST_VALUES = 20_000  # of a document, with all that its aliases stand for
MOST_LEVELS = 60
_MOST_DIGITS = 100
_INT, _FLOAT, _MERGE = (f"tag:yaml.org,2002:{name}" for name in ("int", "float", "merge"))
_KNOWN = [_MERGE, "tag:yaml.org,2002:bool", "tag:yaml.org,2002:null"]
_NUMBERS = {
    _INT: re.compile(r"^[-+]?(?:[0-9][0-9_]*|0x[0-9a-fA-F]+|0o[0-7]+)$"),
    _FLOAT: re.compile(
        r"^[-+]?(?:(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+)$"
        r"|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"
    ),
}
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


class StrictLoader(yaml.SafeLoader):
    """SafeLoader that reads numbers as YAML 1.2 does, has neither dates nor tags, and refuses repeated keys, text that
    cannot be written to a file, numbers without end, and documents too deep or, aliases expanded, too large."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (PyYAML's own form)
        first: [(tag, pattern) for tag, pattern in known if tag in _KNOWN]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._level, self._values = 0, 0
        self._sizes: dict[yaml.Node | None, int] = {}  # of complete nodes, aliases expanded

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """A node, counted with all that is in it. Raises MarkedYAMLError for what would have no end."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if not isinstance(event, yaml.AliasEvent) and event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            _refuse(f"the tag {tag} is not read: write the value plainly, and text in quotes", event)
        before = self._values
        self._values += 1
        self._level += 1
        if self._level > MOST_LEVELS:
            _refuse(f"more than {MOST_LEVELS} levels, one inside the other", event)
        node = super().compose_node(parent, index)
        if isinstance(event, yaml.AliasEvent):
            if node not in self._sizes:
                _refuse(f"*{event.anchor} is recursive: it stands inside itself", event)
            self._values = before + self._sizes[node]
        if self._values > MOST_VALUES:
            _refuse(f"more than {MOST_VALUES:,} values, aliases expanded", event)
        self._sizes[node] = self._values - before
        self._level -= 1
        return node

    def compose_scalar_node(self, anchor: dict[Any, yaml.Node]) -> yaml.ScalarNode:
        """Text that can be written to a file, or another scalar. Raises MarkedYAMLError."""
        node = super().compose_scalar_node(anchor)
        if found := _NO_TEXT.search(node.value):
            what = "NUL" if found[0] == "\0" else f"half a surrogate pair, \\u{ord(found[0]):04x}"
            _refuse(f"the text holds {what}, which is no character: take it out", node)
        return node

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        """A mapping with what `<<` merges into it, before its own keys, which count. Raises MarkedYAMLError."""
        node = super().compose_mapping_node(anchor)
        own: dict[str | int, tuple[yaml.Node, yaml.Node]] = {}
        merged: dict[str | int, tuple[yaml.Node, yaml.Node]] = {}
        merging = False
        for key_node, value_node in node.value:
            key = self._key(key_node)
            if merging if key_node.tag == _MERGE else key in own:
                _refuse(f"the key '{key}' is given twice", key_node)
            if key_node.tag == _MERGE:
                merging = True
                for section in _merged_sections(value_node):
                    merged = {self._key(pair[0]): pair for pair in section.value} | merged
            else:
                own[key] = (key_node, value_node)
        node.value = [pair for key, pair in merged.items() if key not in own] + list(own.values())
        return node

    def _key(self, node: yaml.Node) -> str | int:
        key = node.value if node.tag == _MERGE else self.construct_object(node, deep=True)
        if not isinstance(key, str | int):
            _refuse(f"the key {key!r} is not a word", node)
        return key


class StrictDumper(yaml.SafeDumper):
    """SafeDumper that puts text into quotes which StrictLoader would take for a number."""


def _merged_sections(node: yaml.Node) -> list[yaml.MappingNode]:
    """What `<<` names: one mapping, or several of which the first that has a key counts."""
    sections = node.value if isinstance(node, yaml.SequenceNode) else [node]
    for section in sections:
        if not isinstance(section, yaml.MappingNode):
            _refuse("expected a mapping for merging, or a list of them, after `<<`", section)
    return list(sections)


def _refuse(problem: str, at: Any) -> NoReturn:
    """at: the node or event."""
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)


def _mapping(loader: StrictLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    return loader.construct_mapping(node, deep=True)


def _number(loader: StrictLoader, node: yaml.ScalarNode) -> int | float:
    text = node.value.replace("_", "")
    if len(text) > _MOST_DIGITS:
        _refuse(f"a number of {len(text):,} characters; {_MOST_DIGITS} are the most", node)
    if node.tag == _INT:
        return int(text, 0 if "x" in text or "o" in text else 10)
    value = math.inf if text[-1] in "fFnN" else float(text)  # .inf, .nan
    if not math.isfinite(value):
        _refuse(f"{node.value} is no finite number", node)
    return value


StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
for _tag, _pattern in _NUMBERS.items():
    StrictLoader.add_constructor(_tag, _number)
    for _class in (StrictLoader, StrictDumper):
        _class.add_implicit_resolver(_tag, _pattern, list("-+0123456789."))


def document(text: str) -> tuple[yaml.Node | None, Any]:
    """A YAML document: its node, from which lines are told, and its plain data. Raises yaml.YAMLError."""
    loader = StrictLoader(text)
    try:
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def problem_of(error: yaml.YAMLError) -> tuple[int | None, str]:
    """What is wrong with a document, and in which line, from 1, where that is known."""
    mark = getattr(error, "problem_mark", None)
    told = [getattr(error, part, None) for part in ("context", "problem")]
    words = ": ".join(part for part in told if part) or str(error)
    return (mark.line + 1 if mark is not None else None), " ".join(words.split())


def to_yaml(value: object) -> str:
    """Plain data as StrictLoader reads it, in the order given."""
    return yaml.dump(value, Dumper=StrictDumper, allow_unicode=True, sort_keys=False)


def flow(value: object) -> str:
    """A value as YAML on one line, in the order that it has."""
    written = yaml.dump(
        value, Dumper=StrictDumper, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**9
    )
    return str(written).removesuffix("\n").removesuffix("\n...")


def line_of(node: yaml.Node | None, place: list[str | int]) -> int | None:
    """Line, from 1, of the key at `place`, or of the innermost section on the way to it; None without a file."""
    line = None
    for part in place:
        if isinstance(node, yaml.MappingNode):
            match = next((pair for pair in reversed(node.value) if pair[0].value == str(part)), None)
            if match is None:
                break
            line, node = match[0].start_mark.line + 1, match[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line
