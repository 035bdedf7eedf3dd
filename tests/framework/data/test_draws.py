from random import Random

from hypothesis import given
from hypothesis import strategies as st

from framework.data.draws import chance, pick, pick_several


@given(st.integers(), st.lists(st.integers(), min_size=1, max_size=20), st.data())
def test_several_are_different_items(seed: int, items: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, len(items)))
    positions = pick_several(Random(seed), range(len(items)), count)
    assert len(set(positions)) == count
    assert set(positions) <= set(range(len(items)))
    assert pick(Random(seed), items) in items


def test_every_item_is_as_likely() -> None:
    rng = Random("draws")
    firsts = [pick_several(rng, "abcd", 2)[1] for _ in range(4000)]
    picks = [pick(rng, "abcd") for _ in range(4000)]
    assert all(abs(drawn.count(item) - 1000) < 150 for drawn in (firsts, picks) for item in "abcd")
    assert abs(sum(chance(rng, 0.2) for _ in range(4000)) - 800) < 130
