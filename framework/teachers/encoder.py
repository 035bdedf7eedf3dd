"""An encoder with a head for the task, such as BERT (Devlin et al., arXiv 1810.04805)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from distil.framework.config import Section
from distil.framework.data.features import WindowSettings
from distil.framework.models.section import ModelSource, PretrainedTokenizer, TokenizerSource
from distil.framework.teachers.base import Actor, Crossfit, LabelMap, TeacherTemperature, check_teacher
from distil.framework.training.section import Training

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from distil.framework.data.example import Example
    from distil.framework.models.kind import ModelKind
    from distil.framework.progress import Progress
    from distil.framework.tasks.base import InferenceConfig, Predictor, Task
    from distil.framework.training.objective import Objective


class Encoder(Section):
    """Any Hugging Face encoder, fine-tuned by the recipe or taken as it is."""

    kind: Literal["encoder"] = "encoder"
    model: ModelSource
    tokenizer: TokenizerSource = PretrainedTokenizer()
    fine_tune: Training | None = Field(default=None, description="Left out: the model is taken as it is.")
    split: str = Field(default="train", description="Split that the teacher is fine-tuned on.")
    windows: WindowSettings | None = Field(default=None, description="Default: the recipe's windows.")
    temperature: TeacherTemperature = 1.0
    crossfit: Crossfit = None
    actor: Actor = Actor()
    label_map: LabelMap = None
    trained_with: ClassVar[tuple[str, ...]] = ()
    takes_proposals: ClassVar[bool] = False

    @model_validator(mode="after")
    def _check(self) -> "Encoder":
        check_teacher(self)
        if self.label_map is not None and self.fine_tune is not None:
            raise ValueError(
                "`label_map` is for a model that is taken as it is; one that is fine-tuned has the task's labels"
            )
        return self

    def model_kind(self, task: "Task", config: Any) -> "ModelKind":
        """See Teacher."""
        return task

    def objective(
        self,
        inference: "InferenceConfig",
        examples: "Sequence[Example]",
        tokenizer: "PreTrainedTokenizerFast",
        seed: int,
        progress: "Progress",
    ) -> "Objective":
        """See Teacher: the gold answers."""
        from distil.framework.losses.logits import HardLabel
        from distil.framework.training.distillation import Distillation

        features = inference.task.features(examples, tokenizer, inference.windows, progress)
        pad_id = int(tokenizer.pad_token_id)
        items = inference.task.training_items(examples, features, pad_id, None, (), eager=True)
        return Distillation(inference.task, items, {"hard_label": HardLabel()}, seed)

    def predictor(self, folder: Path, inference: "InferenceConfig") -> "Predictor":
        """See Teacher."""
        return inference.task.predictor(folder, inference, self.label_map)
