"""Options of policies as people write them, and as nobody would."""

from dataclasses import fields

from hypothesis import strategies as st

from trees.policies import POLICIES

NAMES = sorted({field.name for policy in POLICIES.values() for field in fields(policy)})
ODD = (
    *("nan", "-inf", "1e400", "-1e400", "1e-400", "0x" + "f" * 5_000, "9" * 5_000, "-" + "9" * 4_000, "1_000_001"),
    *("[" * 5_000, "[[1]]", "{a = 1}", "1979-05-27", "07:32:00", '""', "'released'", "true", "1\nb = 2", "#", ""),
)


def a_value() -> st.SearchStrategy[str]:
    """Of an option."""
    return st.one_of(st.sampled_from(ODD), st.integers().map(str), st.floats().map(repr), st.text(max_size=20))


def an_option() -> st.SearchStrategy[str]:
    """With its name."""
    return st.tuples(st.one_of(st.sampled_from(NAMES), st.text(max_size=8)), a_value()).map("=".join)
