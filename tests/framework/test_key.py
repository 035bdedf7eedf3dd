"""What results are found by."""

from hypothesis import given
from hypothesis import strategies as st

from framework.key import Key

INPUTS = st.dictionaries(st.text(max_size=5), st.integers() | st.lists(st.text(max_size=3), max_size=2), max_size=3)


def chain(inputs: dict, torch: str, code: int = 1) -> list[Key]:
    """A result, one made of it and, in a list and a dictionary, one made of both."""
    first = Key("models", inputs, {"torch": torch})
    second = Key("signals", {"models": [first]}, {"code": code})
    return [first, second, Key("models", {"teachers": [{"signals": second, "model": first}]})]


@given(INPUTS)
def test_other_versions_change_the_end_of_a_name_and_of_all_names_that_follow(inputs: dict) -> None:
    for one, other in zip(chain(inputs, "2.12"), chain(inputs, "2.13"), strict=True):
        assert one.content == other.content
        assert one.digest != other.digest
        assert one.digest.rpartition("-")[0] == other.digest.rpartition("-")[0] == one.content
    for one, again in zip(chain(inputs, "2.12"), chain(inputs, "2.12"), strict=True):
        assert one.digest == again.digest


@given(INPUTS, INPUTS)
def test_other_inputs_change_all_of_it(inputs: dict, others: dict) -> None:
    for one, other in zip(chain(inputs, "2.12"), chain(others, "2.12"), strict=True):
        assert (one.content == other.content) == (one.digest == other.digest) == (inputs == others)


def test_no_input_stands_for_the_kind() -> None:
    names = {Key(kind, inputs).content for kind in ("models", "initial") for inputs in ({"kind": "models"}, {})}
    assert len(names) == 4


def test_the_order_of_a_list_counts_and_that_of_names_does_not() -> None:
    first, second = Key("signals", {"teacher": "a"}), Key("signals", {"teacher": "b"})
    assert Key("models", {"teachers": [first, second]}).content != Key("models", {"teachers": [second, first]}).content
    assert Key("models", {"a": first, "b": second}).content == Key("models", {"b": second, "a": first}).content


def test_what_is_made_of_an_accepted_result_is_told_from_what_is_made_of_a_new_one() -> None:
    made = Key("models", {"seed": 1}, {"torch": "2.12"})
    taken = Key("models", {"seed": 1}, {"torch": "2.13"}, taken=made.digest)
    assert taken.digest == made.digest
    new = Key("models", {"seed": 1}, {"torch": "2.13"})
    upon = [Key("signals", {"model": one}, {"torch": "2.13"}) for one in (made, taken, new)]
    assert upon[0].digest == upon[1].digest != upon[2].digest
    assert len({one.content for one in upon}) == 1
