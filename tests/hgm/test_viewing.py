"""What the viewer shows beside a document."""

from pathlib import Path

from hgm.run import Folder
from hgm.viewing import log
from tests.hgm.simulated import go_on, make
from trees.journal import Journal


def test_the_log_tells_what_a_decision_was_drawn_at(tmp_path: Path) -> None:
    path = make(tmp_path / "run", budget=30)
    go_on(path)
    said = {entry["seq"]: entry["text"] for entry in log(path, most=10_000)}
    with Journal.open(Folder(path).journal, readonly=True) as journal:
        drawn = [event for event in journal.events() if event.payload.get("drawn")]
    assert drawn
    for event in drawn:
        draws = event.payload["drawn"]
        assert draws[0][0] == event.payload["node"]
        told = ", ".join(f"agent {node} {value:.3f}" for node, value in draws)
        assert said[event.seq].endswith(f"; drawn: {told}")
    assert any("makes a child" in text and "; drawn: " in text for text in said.values())
    assert any(" on " in text and "; drawn: " in text for text in said.values())
