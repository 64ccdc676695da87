from hypothesis import given
from hypothesis import strategies as st

from hgm.text import clip, printable, quote


@given(st.text(), st.integers(60, 500))
def test_nothing_that_moves_a_cursor_or_turns_text_around_survives(text: str, limit: int) -> None:
    safe = printable(text, limit)
    assert len(safe) <= limit
    assert all(character in "\n\t" or character.isprintable() for character in safe)


def test_escape_codes_are_shown_not_obeyed() -> None:
    assert printable("\x1b[2J\u202egpj.exe\r") == "\\x1b[2J\\u202egpj.exe\\r"


@given(st.text(max_size=300), st.integers(0, 200))
def test_clipping_keeps_both_ends(text: str, limit: int) -> None:
    assert clip(text, 300) == text
    assert clip("a" * 500 + "z" * 500, 200).startswith("a")
    assert clip("a" * 500 + "z" * 500, 200).endswith("z")


@given(st.text())
def test_a_quotation_cannot_end_itself(text: str) -> None:
    assert all(line.startswith("| ") for line in quote(text, 1000).splitlines())
