"""YAML as people expect it."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from distil.framework.recipe.yaml_loader import StrictLoader, document, line_of, problem_of, to_yaml


def load(text: str) -> object:
    return yaml.load(text, Loader=StrictLoader)


@pytest.mark.parametrize("text", ["3e-5", "1E3", "-2.e4", "+.5e+1", "3.0e-5", "0.1", "-7.25"])
def test_floats_are_those_of_yaml_1_2(text: str) -> None:
    value = load(f"a: {text}")
    assert value == {"a": float(text)}
    assert isinstance(value, dict)
    assert type(value["a"]) is float


@pytest.mark.parametrize("text", ["e5", "3e", "1e-5x", "'3e-5'", "main", "1.2.3", "ruBert-base"])
def test_words_stay_words(text: str) -> None:
    assert load(f"a: {text}") == {"a": text.strip("'")}


# PyYAML folds U+0085, an old line end, that it writes; NUL is refused.
TEXT = st.text(st.characters(exclude_characters="\x85\0", exclude_categories=["Cs"]))


@given(
    st.dictionaries(
        TEXT.filter(bool), st.one_of(TEXT, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.none())
    )
)
def test_what_is_written_is_read(values: dict[str, object]) -> None:
    assert load(to_yaml(values)) == values


@pytest.mark.parametrize("text", ["a: 1\na: 2", "a: {b: 1, b: 1}", "- {x: 1, y: 2, x: 3}", "1: a\n1: b"])
def test_a_key_given_twice_is_an_error(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="given twice"):
        load(text)


@pytest.mark.parametrize("text", ["1.5: a", "? [a]\n: b", "null: a", "? {a: 1}\n: b"])
def test_a_key_that_is_no_word_is_an_error(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match="is not a word"):
        load(text)


@pytest.mark.parametrize(
    "tagged",
    [
        "!!python/object/apply:os.getcwd []",
        "!!int abc",
        "!!binary 'YQ=='",
        "!!set {a, b}",
        "!!omap [a: 1]",
        "!!timestamp 2026-13-45",
        "!own {b: 1}",
        "! b",
    ],
)
def test_a_tag_is_an_error(tagged: str) -> None:
    with pytest.raises(yaml.YAMLError, match="is not read: write the value plainly"):
        load(f"a: {tagged}")


@pytest.mark.parametrize(("text", "value"), [("010", 10), ("08", 8), ("0x1F", 31), ("-0o17", -15), ("1_000", 1000)])
def test_integers_are_those_of_yaml_1_2(text: str, value: int) -> None:
    assert load(f"a: {text}") == {"a": value}
    assert load(to_yaml({"a": text})) == {"a": text}


@pytest.mark.parametrize("text", ["2026-11-26", "2026-13-45", "2026-02-30 25:61:00", "25:61:00", "1:30", "1:30.5", "="])
def test_dates_and_times_are_text(text: str) -> None:
    assert load(f"a: {text}") == {"a": text}
    assert load(to_yaml({"a": text})) == {"a": text}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9" * 5000, "a number of 5,000 characters"),
        ("0x" + "f" * 5000, "a number of 5,002 characters"),
        ("1." + "0" * 5000, "a number of 5,002 characters"),
        (".inf", "no finite number"),
        ("-.Inf", "no finite number"),
        (".NaN", "no finite number"),
        ("1e999", "no finite number"),
        ('"a\\0b"', "the text holds NUL"),
        ('"a\\ud800b"', r"the text holds half a surrogate pair, \\ud800"),
        ("[" * 100_000, "60 levels"),
        ("{a: " * 1000, "60 levels"),
        ("\n" + "".join(" " * depth + "-\n" for depth in range(1, 80)), "60 levels"),
        ("[" + "1, " * 20_000 + "1]", "20,000 values"),
    ],
    ids=lambda text: text[:12],
)
def test_a_value_that_cannot_be_is_an_error(text: str, message: str) -> None:
    with pytest.raises(yaml.YAMLError, match=message):
        load(f"a: {text}")


@pytest.mark.parametrize(
    "use",
    [
        "[*{}, *{}, *{}, *{}, *{}, *{}, *{}, *{}, *{}, *{}]",
        "{{<<: [*{}, *{}, *{}, *{}, *{}, *{}, *{}, *{}, *{}, *{}]}}",
    ],
)
def test_aliases_that_grow_without_end_are_an_error(use: str) -> None:
    lines = [f"k{n}: &k{n} {use.format(*[f'k{n - 1}'] * 10)}" for n in range(1, 30)]
    with pytest.raises(yaml.YAMLError, match="20,000 values, aliases expanded"):
        load("\n".join(["k0: &k0 {a: 1, b: 2}", *lines]))


def test_many_merges_of_the_same_keys_stay_small() -> None:
    value = load("a: &a {b: 1}\nc: &c {<<: [*a, *a, *a]}\nd: {<<: [*c, *c, *c], e: 2}\n")
    assert value == {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb: [1", (2, "while parsing a flow sequence: expected ',' or ']', but got '<stream end>'")),
        ("a: 1\nb: .nan", (2, ".nan is no finite number")),
        ("a: 1\nb: \x01", (None, "unacceptable character #x0001: special characters are not allowed in")),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, told: tuple[int | None, str]) -> None:
    with pytest.raises(yaml.YAMLError) as caught:
        document(text)
    line, problem = problem_of(caught.value)
    assert (line, problem[: len(told[1])]) == told


@pytest.mark.parametrize(
    ("text", "merged"),
    [
        ("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}", {"b": 1, "c": 3}),
        ("a: &x {b: 1, c: 2}\nd: {c: 3, <<: *x}", {"b": 1, "c": 3}),
        ("a: &x {b: 1, c: 2}\ne: &y {c: 4}\nd: {<<: [*x, *y], f: 5}", {"b": 1, "c": 2, "f": 5}),
        ("a: &x {b: 1}\ne: &y {<<: *x, b: 2, c: 3}\nd: {<<: *y, c: 4}", {"b": 2, "c": 4}),
        ("d: {<<: &x {b: 1}, c: 2}\ne: *x", {"b": 1, "c": 2}),
        ("d: {'<<': 1}", {"<<": 1}),
    ],
)
def test_a_merge_key_adds_what_is_not_there(text: str, merged: dict[str, int]) -> None:
    value = load(text)
    assert isinstance(value, dict)
    assert value["d"] == merged


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("d: {<<: 1}", "expected a mapping"),
        ("a: &x [1]\nd: {<<: *x}", "expected a mapping for merging"),
        ("a: &x {b: 1}\nd: {<<: *x, <<: *x}", "'<<' is given twice"),
        ("a: &x {b: 1}\nd: {<<: *x, c: 1, c: 2}", "'c' is given twice"),
        ("d: {<<: {b: 1, b: 2}}", "'b' is given twice"),
        ("a: &x {b: *x}", "recursive"),
    ],
)
def test_a_merge_that_cannot_be_is_an_error(text: str, message: str) -> None:
    with pytest.raises(yaml.YAMLError, match=message):
        load(text)


def test_every_place_has_a_line() -> None:
    text = "# a comment\na:\n  b: 1\n  c:\n  - x\n  - {d: 2}\ne: {f: {g: 3}}\n"
    node = yaml.compose(text, Loader=StrictLoader)
    places: dict[tuple[str | int, ...], int | None] = {
        ("a",): 2,
        ("a", "b"): 3,
        ("a", "c", 0): 5,
        ("a", "c", 1, "d"): 6,
        ("e", "f", "g"): 7,
        ("a", "nothing"): 2,
        ("a", "c", 9): 4,
        ("nothing",): None,
        (): None,
    }
    assert {place: line_of(node, list(place)) for place in places} == places
    assert line_of(None, ["a"]) is None


def test_what_is_merged_has_the_line_where_it_stands() -> None:
    node = yaml.compose("a: &x\n  b: 1\n  c: 2\nd:\n  <<: *x\n  c: 3\n", Loader=StrictLoader)
    assert [line_of(node, ["d", key]) for key in ("b", "c")] == [2, 6]
