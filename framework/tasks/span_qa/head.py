"""Whether a model can say where answers start and where they end."""

import copy
from typing import Any

from framework.errors import ModelError
from framework.models.build import planned_parameters
from framework.models.kind import ModelKind
from framework.models.positions import probe_inputs

_TOKENS = 16


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


def check_answers(task: ModelKind, model: Any) -> None:
    """Refuse a model whose weights are sound and whose answers are no numbers. Raises ModelError."""
    import torch

    was_training = model.training
    try:
        with torch.inference_mode():
            output = model.eval()(**probe_inputs(task, model.config, _TOKENS))
    except Exception:  # inputs that it does not take have been found in its configuration
        return
    finally:
        model.train(was_training)
    if bool(task.logits(output).isnan().any()):  # type: ignore[attr-defined]
        raise ModelError(
            f"a {model.config.model_type} model of this configuration computes NaN before it is trained; look at fields such as "
            "layer_norm_eps"
        )
