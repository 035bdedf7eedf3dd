"""One random teacher a batch.

The source is Fukuda et al., Efficient knowledge distillation from an ensemble of teachers, Interspeech 2017.
"""

from typing import ClassVar, Literal

from framework.config import Section
from framework.ensembles.base import Mixing, TeacherOutputs
from framework.segments import Floats


class Sampled(Section):
    """The teachers' signals as they are; each batch is taught by one of them, all equally likely."""

    rule: Literal["sampled"] = "sampled"
    needs_labels: ClassVar[bool] = False
    needs_f1: ClassVar[bool] = False
    mixing: ClassVar[Mixing] = "one_of"

    def weigh(self, outputs: TeacherOutputs) -> Floats:
        return outputs.equal()
