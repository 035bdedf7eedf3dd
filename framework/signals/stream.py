"""What streams signals: teachers that run ahead of the student, in processes of their own."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

from framework.signals.source import TeacherSignals
from framework.signals.teacher_pass import TeacherPass

# Runs the teachers of some passes for as long as the context lasts, and gives their signals by folder of the pass. They
# can be sent to the student's workers. Once the context has ended well, every pass is complete on disk.
Streamer = Callable[[Sequence[TeacherPass]], AbstractContextManager[Mapping[str, TeacherSignals]]]
