import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.compare import same

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(JSON)
def test_everything_is_the_same_as_itself(value):
    assert same(value, value)


@pytest.mark.parametrize(
    ("got", "expected"),
    [(True, 1), (1, True), (1, 1.0), (1.0, 1), ("1", 1), (None, False), ([], {}), ([1], [True]), ({"a": 1}, {"a": 1.0}),
     ([1, 2], [1]), ([1], [1, 2]), ({"a": 1}, {"b": 1}), ({}, {"a": None}), ("", None)],
)  # fmt: skip
def test_types_count(got, expected):
    assert not same(got, expected)


@pytest.mark.parametrize(
    ("got", "expected", "tolerance", "answer"),
    [(1.05, 1, 0.1, True), (1, 1.05, 0.1, True), (1.2, 1.0, 0.1, False), (True, 1.0, 0.1, False), ("1", 1.0, 9, False),
     ([1.05], [1.0], 0.1, True), ({"a": 2}, {"a": 1}, 0.5, False), (0.1 + 0.2, 0.3, 0.0, False),
     (10**400, 1.5, 0.1, False)],
)  # fmt: skip
def test_a_tolerance_is_for_numbers(got, expected, tolerance, answer):
    assert same(got, expected, tolerance=tolerance) is answer
