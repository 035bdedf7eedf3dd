"""What distil raises. A `UserError`, or a kind of it, is for what the caller can put right; its message says how."""

from distil.framework.errors import (
    DataError,
    DistilError,
    ExportError,
    ModelError,
    OutputError,
    RecipeError,
    StoreError,
    TrackingError,
    TrainingError,
    UserError,
)

__all__ = [
    "DataError",
    "DistilError",
    "ExportError",
    "ModelError",
    "OutputError",
    "RecipeError",
    "StoreError",
    "TrackingError",
    "TrainingError",
    "UserError",
]
