"""Whether a model can compute anything, whatever its task."""

from typing import Any

from framework.errors import ModelError
from framework.models.kind import ModelKind
from framework.models.positions import probe_inputs

_TOKENS = 16


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
