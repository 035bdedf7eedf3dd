"""What the tokens of a vocabulary are in bytes, so that models with unlike tokenizers can be compared on the bytes of a text."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from distil.framework.errors import ModelError
from distil.framework.segments import Ints, bounds
from distil.framework.tasks.text.units import LETTER, OTHER, class_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

END = 256  # the outcome "the text ends here", beside the 256 bytes
OUTCOMES = 257
ENDS, INSIDE, NEVER = (
    4,
    5,
    6,
)  # classes of tokens that begin with no whole character: the end, the rest of one, none of a text
CLASSES = 7
_SPACE = "▁"  # SentencePiece's
_HEX = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@dataclass(frozen=True)
class TokenBytes:
    """The bytes of V tokens. rows: [V + 1], token v is content[rows[v] : rows[v + 1]], nothing of a special one; first: int64 [V], its
    first byte, END of those that end a text, 0 of other special ones; classes: int64 [V], of its first character, or ENDS, INSIDE,
    NEVER."""

    rows: Ints
    content: NDArray[np.uint8]
    first: NDArray[np.int64]
    classes: NDArray[np.int64]

    @property
    def lengths(self) -> Ints:
        """Bytes of every token. [V]"""
        return np.diff(self.rows)

    def text_of(self, ids: NDArray[np.integer]) -> bytes:
        """The bytes of some tokens in a row."""
        return b"".join(self.content[self.rows[token] : self.rows[token + 1]].tobytes() for token in ids.tolist())


def token_bytes(tokenizer: "PreTrainedTokenizerFast", ends: Sequence[int], size: int | None = None) -> TokenBytes:
    """The bytes of all tokens. ends: those that end a text; size: rows of the model's vocabulary, which may be more.

    Raises ModelError for a tokenizer whose tokens are no parts of a text, as that of a model which lower-cases what it reads.
    """
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    spelled = _spelling(state, tokenizer.name_or_path or type(tokenizer).__name__)
    special = {token["id"] for token in state["added_tokens"] if token["special"]} | set(tokenizer.all_special_ids)
    special = {number for number in special if _HEX.fullmatch(str(tokenizer.convert_ids_to_tokens(number))) is None}
    added = {token["id"]: token["content"] for token in state["added_tokens"]}
    names: dict[int, str] = {number: name for name, number in tokenizer.get_vocab().items()}
    count = max(size or 0, max(names) + 1)
    parts = []
    for number in range(count):
        if number in special or number not in names:
            parts.append(b"")
        else:
            parts.append(
                added[number].encode()
                if number in added and _HEX.fullmatch(added[number]) is None
                else spelled(names[number])
            )
    lengths = np.asarray([len(part) for part in parts], np.int64)
    first = np.asarray([part[0] if part else 0 for part in parts], np.int64)
    classes = np.asarray([_class(part) if part else NEVER for part in parts], np.int64)
    first[list(ends)], classes[list(ends)] = END, ENDS
    return TokenBytes(bounds(lengths), np.frombuffer(b"".join(parts), np.uint8), first, classes)


def _class(part: bytes) -> int:
    """The class of a token's first character; of one of which it holds the beginning only, as its script's usually are."""
    lead = part[0]
    if 0x80 <= lead < 0xC0:
        return INSIDE
    width = 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if len(part) >= width:
        return class_of(part[:width].decode("utf-8", "replace")[0])
    return LETTER if width < 4 else OTHER


def _spelling(state: Mapping[str, object], name: str) -> Callable[[str], bytes]:
    """How a vocabulary spells bytes: a function from a token's name to its bytes. Raises ModelError."""
    parts = [part for place in ("decoder", "pre_tokenizer", "normalizer") for part in _parts(state.get(place))]
    if any(part["type"] == "Lowercase" or part.get("lowercase") for part in parts):
        raise ModelError(
            f"the tokenizer {name} does not give back the text that it has read, as it lower-cases it: models of texts need one that loses little"
        )
    if any(part["type"] == "ByteLevel" for part in parts):
        table = {character: byte for byte, character in _byte_characters()}
        return lambda token: bytes(table[character] for character in token)
    if any(part["type"] == "Metaspace" or _SPACE in (part.get("content"), _pattern(part)) for part in parts):
        return _sentencepiece
    raise ModelError(
        f"the tokenizer {name} does not give back the text that it has read, as one does not that forgets its spaces: "
        "models of texts need a byte-level one or SentencePiece's"
    )


def _sentencepiece(token: str) -> bytes:
    found = _HEX.fullmatch(token)
    return bytes([int(found[1], 16)]) if found else token.replace(_SPACE, " ").encode()


def _pattern(part: Mapping[str, object]) -> object:
    pattern = part.get("pattern")
    return pattern.get("String") if isinstance(pattern, dict) else None


def _parts(node: object) -> Iterator[dict[str, object]]:
    """Those of a decoder, a pre-tokenizer or a normaliser, which may be a sequence of others."""
    if isinstance(node, dict) and node.get("type") == "Sequence":
        for value in node.values():
            for part in value if isinstance(value, list) else ():
                yield from _parts(part)
    elif isinstance(node, dict):
        yield node


def _byte_characters() -> Iterator[tuple[int, str]]:
    """The characters by which byte-level vocabularies spell the 256 bytes (Radford et al. 2019): printable ones themselves, the
    others in turn from 256 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = 0
    for byte in range(256):
        yield byte, chr(byte if byte in printable else 256 + others)
        others += byte not in printable
