"""What a training loop of one's own needs to read a run's examples in the run's order. docs/examples/plain_loop.py is one."""

from distil.framework.data.batches import epoch_batches
from distil.framework.models.attention import unread_masks
from distil.framework.training.items import batch_length, model_inputs

__all__ = ["batch_length", "epoch_batches", "model_inputs", "unread_masks"]
