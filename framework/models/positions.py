"""How many tokens a model has positions for."""

from typing import Any


def most_tokens(config: Any) -> int | None:
    """Tokens that a model of this configuration can read at once; None without a limit, or without a known one."""
    most = getattr(config, "max_position_embeddings", None)
    if most is None:
        return None
    # RoBERTa and its kin number their positions from the padding token on.
    if config.model_type in ("roberta", "xlm-roberta", "camembert"):
        most -= config.pad_token_id + 1
    return int(most)
