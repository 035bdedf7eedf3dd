"""The published numbers of questions of the datasets that recipes name, for where their files are not here."""

from collections.abc import Mapping
from typing import Any

from framework.data.hub import Hub
from framework.paper.table import DATASET, SPLIT_SIZES

# Clark et al., arXiv 2003.05002 (TyDi QA: the Russian questions with a gold passage); Artetxe et al., arXiv 1910.11856.
_SIZES: dict[tuple[str, str | None, str], Mapping[str, int]] = {
    (DATASET, None, ""): SPLIT_SIZES,
    ("google-research-datasets/tydiqa", "secondary_task", "russian-"): {"train": 6_490, "validation": 812},
    ("google/xquad", "xquad.ru", ""): {"validation": 1_190},
}


def published_sizes(source: Any) -> Mapping[str, int]:
    """Questions of each split of a recipe's source, as published; empty for a source that nothing is known of."""
    return _SIZES.get((source.id, source.config, source.id_prefix), {}) if isinstance(source, Hub) else {}
