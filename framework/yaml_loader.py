"""YAML as people expect it, read and written: 3e-5 is a number, a key given twice is an error, and every key knows its line."""

import re
from typing import Any

import yaml

_MERGE = "tag:yaml.org,2002:merge"  # of the key <<


class StrictLoader(yaml.SafeLoader):
    """SafeLoader that reads floats as YAML 1.2 does and refuses repeated keys."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """A mapping with what `<<` merges into it, before its own keys, which count. Raises MarkedYAMLError."""
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key_node, _ in node.value:
            key = "<<" if key_node.tag == _MERGE else self.construct_object(key_node)
            if not isinstance(key, str | int):
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} is not a word", problem_mark=key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"the key '{key}' is given twice", problem_mark=key_node.start_mark)
            seen.add(key)
        self.flatten_mapping(node)
        return node


class StrictDumper(yaml.SafeDumper):
    """SafeDumper that puts text into quotes which StrictLoader would take for a float."""


def _mapping(loader: StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    return loader.construct_mapping(node, deep=True)


StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
for _class in (StrictLoader, StrictDumper):
    _class.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
        list("-+0123456789."),
    )


def to_yaml(value: Any) -> str:
    """Plain data as StrictLoader reads it, in the order given."""
    return yaml.dump(value, Dumper=StrictDumper, allow_unicode=True, sort_keys=False)


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
