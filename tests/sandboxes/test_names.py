import re

from hypothesis import given
from hypothesis import strategies as st

from sandboxes.names import Owner, encoded, new_name, owner_of

TEXT = st.text(st.characters(codec=None), max_size=200)


@given(TEXT, TEXT)
def test_a_name_tells_whose_it_is(run: str, job: str) -> None:
    name = new_name(run, job)
    assert owner_of(name) == owner_of(name + ".scope") == Owner(encoded(run), encoded(job))
    assert re.fullmatch(r"hgm\.[A-Za-z0-9_=-]*\.[A-Za-z0-9_=-]*\.[0-9a-f-]+", name)
    assert len(name) < 250


@given(st.text(max_size=200), st.text(max_size=200))
def test_different_runs_have_different_names(one: str, other: str) -> None:
    assert (encoded(one) == encoded(other)) == (one == other)


def test_names_are_never_given_twice() -> None:
    assert new_name("r", "j") != new_name("r", "j")


def test_other_names_are_nobodys() -> None:
    for name in ("hgm", "hgm.a.b", "hgm.a.b.c.d", "docker.a.b.c", "system.slice", ""):
        assert owner_of(name) is None
