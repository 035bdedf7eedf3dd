"""The base of every recipe section: strict, frozen, and helpful about keys that it does not know."""

import difflib
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

# NumPy takes 32 bits; workers, and trials of several seeds, count on from the recipe's.
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Section(BaseModel):
    """A recipe section. Unknown keys are errors that name the nearest legal key; values are not coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        for key in values:
            if key not in cls.model_fields:
                raise PydanticCustomError(
                    "unknown_key",
                    "unknown key '{key}'; {hint}",
                    {"key": str(key), "hint": nearest_hint(str(key), list(cls.model_fields))},
                )
        return values


def nearest_hint(word: str, legal: list[str]) -> str:
    """Words it nearest-first: ``did you mean 'x'? legal here: ...``."""
    listing = "legal here: " + ", ".join(legal)
    near = difflib.get_close_matches(word, legal, n=1, cutoff=0.5)
    return f"did you mean '{near[0]}'? ({listing})" if near else listing
