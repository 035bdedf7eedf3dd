from typing import ClassVar

import pytest
from pydantic import ValidationError

from distil.framework.config import Section
from distil.framework.own_code import source_digest
from distil.framework.teachers.base import TeacherTemperature, own_settings, without_model


@without_model
class Plain(Section):
    kind: str
    strength: float = 2.0


@without_model
class Tempered(Section):
    kind: str
    temperature: TeacherTemperature = 1.5
    takes_proposals: ClassVar[bool] = True


def test_a_teacher_without_a_model_has_what_stages_ask_for() -> None:
    teacher = Plain(kind="plain")
    for name in ("model", "tokenizer", "fine_tune", "windows", "crossfit"):
        assert getattr(teacher, name) is None
    assert (teacher.split, teacher.temperature, teacher.takes_proposals) == ("train", 1.0, False)  # type: ignore[attr-defined]
    assert teacher.actor.cpus == 1.0  # type: ignore[attr-defined]


def test_what_is_fixed_is_no_option() -> None:
    with pytest.raises(ValidationError, match="unknown key 'temperature'"):
        Plain.model_validate({"kind": "plain", "temperature": 2.0})


def test_what_the_class_has_itself_stays() -> None:
    teacher = Tempered.model_validate({"kind": "tempered", "temperature": "calibrated"})
    assert teacher.temperature == "calibrated"
    assert Tempered(kind="tempered").temperature == 1.5
    assert teacher.takes_proposals is True


def test_own_settings_are_those_of_the_kind() -> None:
    code = {"source_digest": source_digest(Plain)}  # of this file, in which both stand
    assert own_settings(Plain(kind="plain", strength=3.0)) == {"kind": "plain", "strength": 3.0, **code}
    assert own_settings(Tempered(kind="tempered")) == {"kind": "tempered", **code}
