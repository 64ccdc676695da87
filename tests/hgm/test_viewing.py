"""What the viewer shows beside a document."""

from pathlib import Path

from hgm.document import tree_document
from hgm.run import Folder, opened
from hgm.viewing import log, unique
from tests.hgm.simulated import go_on, make
from trees.journal import Journal
from trees.records import Evaluate, Expand


def test_the_log_tells_what_a_decision_was_drawn_at(tmp_path: Path) -> None:
    path = make(tmp_path / "run", budget=30)
    go_on(path)
    said = {entry["seq"]: entry["text"] for entry in log(path, most=10_000)["entries"]}
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


def test_runs_of_one_name_are_told_apart() -> None:
    assert unique(["a", "b", "a", "a (2)"]) == ["a", "b", "a (2)", "a (2) (2)"]


def test_nothing_is_under_way_where_nobody_works(tmp_path: Path) -> None:
    path = make(tmp_path / "killed", budget=60)
    go_on(path, stop_after=12)
    with opened(path) as run:
        run.ask(Expand(0))
        run.ask(Evaluate(0, int(run.state.tree.view().unseen(0)[0])))
    document = tree_document(path)
    assert (document["live"], document["running"]) == (False, [])
    assert all(node["pending"] == {"evaluations": 0, "expansions": 0} for node in document["nodes"])
    assert all(unit["reserved"] == 0 for unit in document["spent"].values())
