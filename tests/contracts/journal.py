"""What every journal promises. To test one: subclass `JournalContract` and give it `journal` and `reread` fixtures."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hgm.errors import JournalError
from trees.journal import VERSION, Event, Journal

TEXT = st.text(st.characters(codec=None), max_size=20).filter(lambda text: not _pairs(text))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
ODD_TEXTS = [
    b"\xff\xfe name".decode("utf-8", "surrogateescape"),
    "\ud800",
    "\udfff\udfff",
    "\x00\x01\x1b[31m\x7f\x85\u2028",
    "größe 数 😀",
    '"\\/\b\f\n\r\t',
    "' OR 1=1; DROP TABLE events; --",
    "x" * 1_000_000,
]


def _pairs(text: str) -> bool:
    """Two lone surrogates that side by side are one character: JSON cannot tell them from it."""
    return any("\ud800" <= a <= "\udbff" and "\udc00" <= b <= "\udfff" for a, b in pairwise(text))


class JournalContract:
    @pytest.fixture
    def journal(self) -> Journal:
        """An empty journal, open for writing."""
        raise NotImplementedError

    @pytest.fixture
    def reread(self) -> Callable[[], list[Event]]:
        """Reads all events of that journal as another reader would."""
        raise NotImplementedError

    def test_starts_empty(self, journal, reread) -> None:
        assert reread() == list(journal.events()) == []

    def test_keeps_events_in_order(self, journal, reread) -> None:
        added = [journal.append("started", {"job": "e-1"}), journal.append("finished", {"job": "e-1", "ok": True})]
        assert [(event.seq, event.version, event.kind, event.payload) for event in added] == [
            (1, VERSION, "started", {"job": "e-1"}),
            (2, VERSION, "finished", {"job": "e-1", "ok": True}),
        ]
        assert added[0].at <= added[1].at
        assert reread() == list(journal.events()) == added

    def test_reads_after_a_given_event(self, journal, reread) -> None:
        added = journal.append_all([("n", {"n": n}) for n in range(7)])
        assert list(journal.events(after=4)) == added[4:]
        assert list(journal.events(after=7)) == list(journal.events(after=99)) == []

    def test_reads_more_than_fits_one_batch(self, journal, reread) -> None:
        added = journal.append_all([("n", {"n": n}) for n in range(2345)])
        assert reread() == added

    def test_an_event_that_comes_while_reading_is_read_too(self, journal, reread) -> None:
        journal.append("n", {"n": 0})
        seen = []
        for event in journal.events():
            seen.append(event.payload["n"])
            if len(seen) < 5:
                journal.append("n", {"n": len(seen)})
        assert seen == [event.payload["n"] for event in reread()] == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize("text", ODD_TEXTS, ids=lambda text: ascii(text[:30]))
    def test_odd_text_survives(self, journal, reread, text) -> None:
        added = journal.append("odd", {"value": text, "list": [text], text[:100]: 1})
        assert added.payload == {"value": text, "list": [text], text[:100]: 1}
        assert reread() == [added]

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(payload=st.dictionaries(TEXT, VALUES, max_size=5))
    def test_any_json_survives(self, journal, payload) -> None:
        added = journal.append("any", payload)
        assert added.payload == payload
        assert list(journal.events(after=added.seq - 1)) == [added]

    @pytest.mark.parametrize(
        "payload",
        [
            {"x": float("nan")},
            {"x": [1.0, float("inf")]},
            {"x": {"y": -float("inf")}},
            {"x": b"bytes"},
            {"x": {1, 2}},
            {"x": object()},
            {1: "a key that is no text"},
            {"x": {None: 1}},
        ],
    )
    def test_what_is_not_json_is_refused_and_nothing_is_added(self, journal, reread, payload: dict[Any, Any]) -> None:
        with pytest.raises(JournalError, match="not JSON"):
            journal.append_all([("good", {}), ("bad", payload)])
        assert reread() == []
        assert journal.append("next", {}).seq == 1

    def test_what_append_returns_is_what_is_read(self, journal, reread) -> None:
        added = journal.append("pair", {"tuple": (1, 2), "split": "\ud83d\ude00"})
        assert added.payload == {"tuple": [1, 2], "split": "😀"}
        assert reread() == [added]

    def test_all_or_none(self, journal, reread) -> None:
        class Broken(Exception):
            pass

        def entries():
            yield "one", {}
            raise Broken

        with pytest.raises(Broken):
            journal.append_all(entries())
        assert reread() == []
        assert journal.append_all([]) == []
        assert [event.seq for event in journal.append_all([("a", {}), ("b", {})])] == [1, 2]

    def test_threads_may_write_and_read_at_once(self, journal, reread) -> None:
        start = threading.Barrier(6)

        def write(number: int) -> None:
            start.wait()
            for step in range(20):
                added = journal.append("n", {"thread": number, "step": step})
                assert next(journal.events(after=added.seq - 1)) == added

        with ThreadPoolExecutor(6) as pool:
            for done in [pool.submit(write, number) for number in range(6)]:
                done.result()
        events = reread()
        assert [event.seq for event in events] == list(range(1, 121))
        for number in range(6):
            steps = [event.payload["step"] for event in events if event.payload["thread"] == number]
            assert steps == list(range(20))
