"""Lists of entities, as generative models write them: the prompts that ask for them, lists from tags, and tags from lists.

A list is such as `PER: Анна Котова; LOC: Омск`, and nothing where there is no entity.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from distil.framework.data.locating import locate
from distil.framework.errors import RecipeError
from distil.framework.generative.prompts import Piece, begin_of_text, encode, pieces_of
from distil.framework.generative.writer import Ids
from distil.framework.models.kind import Generator, generator_of
from distil.framework.models.tokenizers import SpecialTokens, special_tokens
from distil.framework.segments import Floats, softmax
from distil.framework.tasks.base import Own
from distil.framework.tasks.tagging.example import Tagged
from distil.framework.tasks.tagging.records import Marked, tags_of
from distil.framework.tasks.tagging.tags import TagSet, entities_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from distil.framework.tasks.sections import GenerativeSection

TEMPLATE = "{text}\nentities:"
_FEWEST = 8  # tokens of a text that a prompt has to have room for
_UNSAID = 1e-3  # mass of the tags that no list gives a unit, and which are not impossible for that
NAMELESS = "entity"  # a type without a name, in words


def parse(template: str) -> list[Piece]:
    """The pieces of a prompt. Raises ValueError unless it names {text}, once."""
    return pieces_of(template, ["text"], [], TEMPLATE)


@dataclass(frozen=True)
class Part:
    """Some units of a text, as many as fit a prompt: those from `first` up to `last`, and their tokens."""

    first: int
    last: int
    prompt: Ids


@dataclass(frozen=True)
class Read:
    """A list, as it is read in a part of a text. tags: [units]; written, lost: its entities, and those that the part does not have
    behind the ones before."""

    tags: tuple[str, ...]
    written: int
    lost: int


def mixed(read: Sequence[Read], log_mass: Floats, tags: TagSet) -> Floats:
    """What C >= 1 lists say of a part's units, by their weights [C]: [units, tags]."""
    numbers = np.asarray([[tags.numbers[tag] for tag in one.tags] for one in read], np.int64)
    units, count = numbers.shape[1], len(tags.names)
    masses = np.zeros((units, count))
    for weight, of_list in zip(softmax(log_mass), numbers, strict=True):
        masses[np.arange(units), of_list] += weight
    return (1 - _UNSAID) * masses + _UNSAID / count


@dataclass(frozen=True)
class EntityLists:
    """Makes the prompts of one model, and lists of entities from tags, and back. room: tokens of a text in a prompt; max_answer: of
    the longest list, without its end."""

    tokenizer: "PreTrainedTokenizerFast"
    generator: Generator
    special: SpecialTokens
    pieces: Sequence[Piece]
    room: int
    max_answer: int
    tags: TagSet

    def parts(self, example: Tagged) -> list[Part]:
        """A text in as many parts as it takes; none of one without units."""
        (lead,) = (piece.text for piece in self.pieces if piece.field is not None)
        found = encode(self.tokenizer, lead + example.text)
        ends = found.spans[:, 1].astype(np.int64) - len(lead)
        firsts = np.searchsorted(np.maximum.accumulate(ends), [begin for begin, _ in example.units], side="right")
        firsts = np.append(firsts, len(found.ids))
        parts, first = [], 0
        while first < len(example.units):
            fitting = int(np.searchsorted(firsts, firsts[first] + self.room, side="right")) - 1
            last = min(max(fitting, first + 1), len(example.units))
            ids = found.ids[0 if first == 0 else firsts[first] : firsts[last]][: self.room]
            parts.append(Part(first, last, self._prompt(ids)))
            first = last
        return parts

    def _prompt(self, text: Ids) -> Ids:
        begin = np.asarray(begin_of_text(self.tokenizer), np.int32)
        end = np.asarray([self.special.end] if self.generator.encoder_decoder else [], np.int32)
        middle = [text if piece.field else encode(self.tokenizer, piece.text).ids for piece in self.pieces]
        return np.concatenate([begin, *middle, end])

    def written(self, example: Tagged, part: Part, tags: Sequence[str]) -> str:
        """The list of a part's entities. tags: of all units of the example."""
        units = example.units[part.first : part.last]
        found = []
        for one in entities_of(tags[part.first : part.last]):
            text = example.text[units[one.start][0] : units[one.end - 1][1]]
            found.append(f"{one.type or NAMELESS}: {' '.join(text.split())}")
        return "; ".join(found)

    def answer(self, text: str) -> Ids:
        """Tokens of a list with its end; one of more than `max_answer` tokens is cut there and has no end."""
        lead = "" if self.generator.encoder_decoder or not text else " "  # a decoder goes on with the prompt's text
        ids = encode(self.tokenizer, lead + text).ids
        return ids[: self.max_answer] if len(ids) > self.max_answer else np.append(ids, np.int32(self.special.end))

    def text(self, ids: Ids) -> str:
        """What these tokens say; of a list that is cut, what stands before its last entity."""
        text = str(self.tokenizer.decode(ids.tolist(), skip_special_tokens=True)).strip()
        return text.rpartition(";")[0].strip() if len(ids) > self.max_answer else text

    def read(self, text: str, example: Tagged, part: Part) -> Read:
        """What a list says of a part."""
        units = example.units[part.first : part.last]
        begin, end = units[0][0], units[-1][1]
        context, at, marked = example.text[begin:end], 0, []
        items = self._items(text)
        for type, words in items:
            place = next((place for place in locate(context, words) if place[0] >= at), None)
            if place is not None:
                marked.append(Marked(begin + place[0], begin + place[1], type))
                at = place[1]
        tags, _ = tags_of(units, marked)
        return Read(tags, len(items), len(items) - len(marked))

    def _items(self, text: str) -> list[tuple[str, str]]:
        """Types and texts of a list's entities."""
        heads = list(self._heads.finditer(text))
        ends = [*(head.start() for head in heads[1:]), len(text)][: len(heads)]
        names = {plain_type(type or NAMELESS): type for type in self.tags.types}
        return [
            (names[plain_type(head[1])], text[head.end() : end].strip(" \t\n;"))
            for head, end in zip(heads, ends, strict=True)
        ]

    @cached_property
    def _heads(self) -> re.Pattern[str]:
        """What stands before an entity; tokenizers may have put spaces into a type, or forgotten its case."""
        types = sorted((type or NAMELESS for type in self.tags.types), key=len, reverse=True)
        named = "|".join(r"\s*".join(re.escape(letter) for letter in plain_type(type)) for type in types)
        return re.compile(rf"(?:^|;)\s*({named})\s*:\s*", re.IGNORECASE)


def plain_type(type: str) -> str:
    """A type as it is compared: models, and tokenizers, may put spaces into it or forget its case."""
    return "".join(type.split()).casefold()


def entity_lists(
    tokenizer: "PreTrainedTokenizerFast",
    config: Own,
    max_length: int,
    teacher: "GenerativeSection",
    tags: TagSet,
    forced: int | None = None,
) -> EntityLists:
    """The maker of prompts for a model of this configuration, which reads `max_length` tokens: of a decoder with the answer.

    Raises RecipeError where nothing is left for a text, for tags that are those of no entities, for two types that are written
    alike, and for a tokenizer that cannot write them.
    """
    if not tags.entities:
        raise RecipeError(
            "a generative teacher writes entities, and the task's tags are none of entities: take an encoder"
        )
    plain = [plain_type(type or NAMELESS) for type in tags.types]
    if len(set(plain)) < len(plain):
        raise RecipeError(
            "a generative teacher writes types in words, and two of them differ in case or spaces alone: rename one"
        )
    generator, special = generator_of(config), special_tokens(tokenizer, config, forced)
    lists = EntityLists(tokenizer, generator, special, parse(teacher.prompt or TEMPLATE), 0, teacher.max_answer, tags)
    own = len(lists._prompt(np.empty(0, np.int32)))
    answer = 0 if generator.encoder_decoder else teacher.max_answer + 1
    room = max_length - own - answer
    if room < _FEWEST:
        raise RecipeError(
            f"windows.max_length {max_length}, less {own} for the prompt's own text{f' and {answer} for the list' if answer else ''}, "
            f"leaves {room} tokens of a text, and {_FEWEST} are the fewest; raise max_length, or lower max_answer"
        )
    said = "; ".join(f"{type or NAMELESS}: a" for type in tags.types)
    shown = str(tokenizer.decode(encode(tokenizer, said).ids.tolist(), skip_special_tokens=True))
    if len(lists._items(shown)) < len(tags.types):
        raise RecipeError(
            f"the tokenizer cannot write what stands before entities: '{said}' comes back as '{shown}'; take one that knows these "
            "letters and signs, such as a trained one of kind bpe, which knows all"
        )
    return EntityLists(tokenizer, generator, special, lists.pieces, room, teacher.max_answer, tags)
