"""How teachers' signals are stored."""

from pydantic import Field

from framework.config import Section


class Signals(Section):
    """The store of teachers' signals."""

    top_k: int = Field(default=16, ge=1, description="Positions kept of the start and of the end distribution.")
    shard_size: int = Field(
        default=1024, ge=1, description="Examples a file; what a stopped collection repeats at most."
    )
    batch_size: int = Field(default=32, ge=1, description="Windows a forward pass of a teacher.")
