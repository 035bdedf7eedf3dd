"""The loss on what follows each token of a text, the student's against a live teacher's with the same tokenizer."""

from typing import TYPE_CHECKING, ClassVar, Literal

from distil.framework.config import Section
from distil.framework.losses.base import Temperature, Weight
from distil.framework.losses.live import LiveTeacherName, States, Wanted

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedConfig


class NextToken(Section):
    """T² · KL(teacher ‖ student) over the whole vocabulary, at each token of a completion and its end, both models at temperature T. Tokens
    weigh the same, as those of `hard_label` do.

    What distillation between models with one tokenizer is (Hinton et al., arXiv 1503.02531): nothing that a teacher says is left out.
    """

    kind: Literal["next_token"] = "next_token"
    weight: Weight = 1.0
    teacher: LiveTeacherName = None
    temperature: Temperature = 1.0
    source: ClassVar[Literal["live"]] = "live"
    sums_tokens: ClassVar[bool] = True

    def wants(self, student: "PreTrainedConfig", teacher: "PreTrainedConfig") -> tuple[Wanted, Wanted]:
        """See LiveLoss."""
        return Wanted(logits=True), Wanted(logits=True)

    def new_projection(self, student: "PreTrainedConfig", teacher: "PreTrainedConfig") -> "nn.Module | None":
        """See LiveLoss."""
        return None

    def __call__(self, student: States, teacher: States, mask: "Tensor", projection: "nn.Module | None") -> "Tensor":
        assert student.logits is not None
        assert teacher.logits is not None
        assert student.tokens is not None
        width = min(
            student.logits.shape[-1], teacher.logits.shape[-1]
        )  # heads may have more rows than there are tokens
        own, other = (
            (logits[:, :width].float() / self.temperature).log_softmax(-1)
            for logits in (student.logits, teacher.logits)
        )
        values = self.temperature**2 * (other.exp() * (other - own)).sum(-1)
        item = student.tokens // mask.shape[1]
        return values.new_zeros(len(mask)).index_add(0, item, values)
