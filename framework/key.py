"""What a result depends on, and the digest under which it is found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from framework.digest import digest_of


@dataclass(frozen=True)
class Key:
    """What decides about a result.

    kind: its folder in the store; inputs: plain data, in which the results that it is made of stand as their keys;
    versions: of the code, the libraries and the device that make it, which may decide about it too; taken: the digest of
    a result of other versions that is used in its place.
    """

    kind: str
    inputs: Mapping[str, Any]
    versions: Mapping[str, Any] = field(default_factory=dict)
    taken: str | None = None

    @cached_property
    def content(self) -> str:
        """Digest of kind and inputs, whatever the versions, its own and those of what it is made of."""
        return digest_of({"kind": self.kind, "inputs": _plain(self.inputs, lambda key: key.content)})

    @cached_property
    def digest(self) -> str:
        """`content` and, after a dash, 8 digits of the digest of everything: names of the same content begin alike."""
        if self.taken is not None:
            return self.taken
        return f"{self.content}-{digest_of({'inputs': self.plain_inputs, 'versions': dict(self.versions)})[:8]}"

    @cached_property
    def plain_inputs(self) -> dict[str, Any]:
        """The inputs, with digests in place of keys."""
        plain: dict[str, Any] = _plain(self.inputs, lambda key: key.digest)
        return plain


def _plain(value: Any, name: Callable[[Key], str]) -> Any:
    if isinstance(value, Key):
        return name(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner, name) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, name) for inner in value]
    return value
