"""The garbage collector looks seldom while modules are imported, and then as usual."""

import gc

from distil.launch.collecting import as_usual, seldom


def test_after_imports_it_looks_as_before_but_not_at_what_is_there() -> None:
    before = gc.get_threshold()
    kept = [[]]
    try:
        seldom()
        assert gc.get_threshold()[0] > 10 * before[0]
        assert gc.get_threshold()[1:] == before[1:]
    finally:
        as_usual()
    assert gc.get_threshold() == before
    assert not any(found is kept for found in gc.get_objects())
