"""How models are evaluated."""

from pydantic import Field

from framework.config import MOST_BATCH, Section


class Evaluation(Section):
    """Exact match, F1, their confidence intervals, and latency."""

    split: str = Field(default="dev", description="Split on which every model is evaluated.")
    batch_size: int = Field(default=32, ge=1, le=MOST_BATCH, description="Windows a forward pass.")
    bootstrap: int = Field(default=1000, ge=100, le=100_000, description="Resamples of the confidence interval.")
    latency_questions: int = Field(default=100, ge=0, le=100_000, description="Questions timed one by one; 0: none.")
    during_training: bool = Field(
        default=False, description="Whether students are also measured after every epoch of their training."
    )
