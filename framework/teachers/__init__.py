"""The kinds of teacher that a recipe may name. A new one is a file beside these and a name in `AnyTeacher`."""

from typing import Annotated

from distil.framework.plugins import by_kind
from distil.framework.teachers.base import Teacher
from distil.framework.teachers.chat import Chat
from distil.framework.teachers.encoder import Encoder
from distil.framework.teachers.generative import Generative

AnyTeacher = Annotated[Encoder | Generative | Chat, by_kind(Encoder, Generative, Chat, protocols=(Teacher,))]
