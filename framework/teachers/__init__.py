"""The kinds of teacher that a recipe may name. A new one is a file beside these and a name in `AnyTeacher`."""

from typing import Annotated

from framework.plugins import by_kind
from framework.teachers.base import Teacher
from framework.teachers.encoder import Encoder
from framework.teachers.generative import Generative

AnyTeacher = Annotated[Encoder | Generative, by_kind(Encoder, Generative, protocols=(Teacher,))]
