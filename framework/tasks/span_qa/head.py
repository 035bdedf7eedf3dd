"""Whether a model can say where answers start and where they end."""

import copy
from typing import Any

from framework.errors import ModelError
from framework.models.build import planned_parameters
from framework.models.kind import ModelKind


def check_head(task: ModelKind, config: Any) -> None:
    """Refuse a configuration whose head would not have two outputs a token. Raises ModelError."""
    labels = int(getattr(config, "num_labels", 2))
    if labels == 2:
        return
    usual = copy.deepcopy(config)
    usual.num_labels = 2
    # Some architectures always have two, whatever their configuration says.
    if planned_parameters(task, config) != planned_parameters(task, usual):
        raise ModelError(
            f"this {config.model_type} configuration has {labels} labels (num_labels, id2label), and a head that says where "
            "answers start and end has 2: set num_labels to 2"
        )
