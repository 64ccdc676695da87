"""What the driver in a browser's sandbox answers, which may be anything."""

import base64
import struct

import pytest

from evaluators.gui.browser import SIZE, seen_of
from hgm.errors import SandboxLost


def picture(width: int, height: int) -> str:
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
    return base64.b64encode(head + b"\x08\x02\x00\x00\x00").decode()


def test_an_answer_is_read() -> None:
    seen = seen_of({"text": "- button \ud800", "notes": ["a", 1], "first": 1, "screenshot": picture(*SIZE)})
    assert (seen.text, seen.notes, seen.first) == ("- button ?", ("a", "1"), 1.0)
    assert seen.screenshot is not None
    assert seen_of({}).screenshot is None


@pytest.mark.parametrize(
    "answer",
    [
        *({"first": "1"}, {"first": True}, {"first": 10**400}),
        *({"notes": None}, {"notes": 5}, {"notes": "words"}),
        *({"screenshot": "no base64!"}, {"screenshot": "é"}, {"screenshot": ""}, {"screenshot": 5}),
        *({"screenshot": picture(3, 3)}, {"screenshot": base64.b64encode(b"GIF89a" + b"x" * 40).decode()}),
    ],
)
def test_what_is_no_answer_is_a_lost_browser(answer: dict[str, object]) -> None:
    with pytest.raises(SandboxLost):
        seen_of(answer)
