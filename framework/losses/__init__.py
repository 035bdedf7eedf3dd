"""The losses that a recipe may name. A new one is a class, in a file of this package, and a name in `AnyLoss`."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from distil.framework.losses.base import Loss
from distil.framework.losses.chunks import Chunk
from distil.framework.losses.live import LiveLoss
from distil.framework.losses.logits import JSD, KL, HardLabel, MSELogits, ReverseKL
from distil.framework.losses.next_token import NextToken
from distil.framework.losses.states import AttentionMSE, HiddenMSE, MiniLMRelations
from distil.framework.plugins import by_kind

AnyLoss = Annotated[
    KL | ReverseKL | JSD | MSELogits | HardLabel | Chunk | NextToken | HiddenMSE | AttentionMSE | MiniLMRelations,
    by_kind(
        KL,
        ReverseKL,
        JSD,
        MSELogits,
        HardLabel,
        Chunk,
        NextToken,
        HiddenMSE,
        AttentionMSE,
        MiniLMRelations,
        protocols=(Loss, LiveLoss),
    ),
]


def _kind_is_name(value: Any) -> Any:
    """`kl: {weight: 1}` means `kl: {kind: kl, weight: 1}`; a section left empty has all its defaults."""
    if not isinstance(value, dict):
        return value
    sections = {name: {} if section is None else section for name, section in value.items()}
    return {
        name: {"kind": name, **section} if isinstance(section, dict) else section for name, section in sections.items()
    }


class _NamedByKind:
    """Annotation of the terms: in their JSON schema too, a name stands for a kind."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """pydantic's hook."""
        terms = handler(schema)
        term = terms["additionalProperties"]
        kinds = {handler.resolve_ref_schema(loss)["properties"]["kind"]["const"]: loss for loss in term["anyOf"]}
        return {
            **terms,
            "properties": {kind: {"anyOf": [loss, {"type": "null"}, term]} for kind, loss in kinds.items()},
        }


Losses = Annotated[
    dict[str, AnyLoss],
    Field(min_length=1, description="Terms by name; the name is the kind unless `kind` is given."),
    BeforeValidator(_kind_is_name),
    _NamedByKind(),
]
