import json
import os
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from pydantic_core import from_json

from hgm.agents_by_name import best_node, find_agent
from hgm.contract import NOTE
from hgm.history import history
from hgm.jobs import EvaluationResult, Job, Result
from hgm.run import Folder, read
from hgm.summary import expectation
from tests.cli.command import Command
from tests.hgm.simulated import go_on, make, work
from trees.archive import Archive
from trees.records import Outcome


def test_the_whole_tree_is_shown(hgm: Command, finished: Path) -> None:
    said = hgm("tree", "show", "done")
    state = read(finished)
    assert said.code == 0
    for node in state.nodes:
        assert f" {node.id} " in f" {said.out}".replace("\n", " ").replace("─", " ")
    assert said.out.count("best") == 1


def test_what_a_child_was_made_from_is_shown_beside_what_it_passes(hgm: Command, finished: Path) -> None:
    said = " ".join(hgm("tree", "show", "done", "--long").out.replace("│", " ").split())
    state = read(finished)
    for node in state.nodes[1:]:
        found = expectation(state, node.id)
        if found is None:
            assert node.mode in said
        else:
            aim = f"{node.mode}: from {found.tasks} failure"
            assert aim in said
    assert "it was tried on, its parent" in said or "not tried on them yet" in said


def test_an_agent_is_one_line_unless_more_is_asked_for(hgm: Command, finished: Path) -> None:
    tree, _, legend = hgm("tree", "show", "done").out.partition("\n\n")
    assert len(tree.splitlines()) == 1 + len(read(finished).nodes)
    assert "(CMP)" in legend
    assert "failure" not in tree


def test_a_large_tree_is_cut(hgm: Command, finished: Path) -> None:
    said = hgm("tree", "show", "done", "--limit", "2")
    assert f"{len(read(finished).nodes) - 2} younger agents are not shown" in said.out


def test_the_diff_of_a_child(hgm: Command, finished: Path) -> None:
    said = hgm("tree", "diff", "done", "1")
    assert said.code == 0
    assert "agent 0 → agent 1" in said.out
    assert "main.py" in said.out
    assert hgm("tree", "diff", "done", "1", "1").out.endswith("no difference\n")


def test_the_best_agent_comes_back_as_it_was(hgm: Command, finished: Path) -> None:
    said = hgm("tree", "best", "done", "--export", "mine")
    assert said.code == 0
    state = read(finished)
    stored = Archive.open(Folder(finished).archive).files(state.nodes[best_node(state)].commit)
    assert {path: tuple(file) for path, file in find_agent("./mine", Path("runs")).items()} == stored
    assert "Run it in a sandbox" in (Path("mine") / NOTE.decode()).read_text()


def test_an_empty_folder_takes_the_best_agent(hgm: Command, finished: Path) -> None:
    Path("mine").mkdir()
    assert hgm("tree", "best", "done", "--export", "mine").code == 0
    assert "agent.toml" in os.listdir("mine")


def test_the_export_follows_its_schema(hgm: Command, finished: Path) -> None:
    assert hgm("tree", "export", "done", "--format", "json", "-o", "tree.json").code == 0
    document = json.loads(Path("tree.json").read_text())
    state = read(finished)
    schema = json.loads(files("trees.export").joinpath("schema.json").read_text("utf-8"))
    assert set(schema["required"]) <= document.keys()
    for node in document["nodes"]:
        assert set(schema["$defs"]["node"]["required"]) <= node.keys()
    assert [node["parent"] for node in document["nodes"]] == [node.parent for node in state.nodes]
    assert document["best"] == state.winner
    assert sum(len(node["rejected"]) for node in document["nodes"]) == document["results"]["rejections"]["empty"]
    assert all(item["commit"] for node in document["nodes"] for item in node["rejected"])


def test_the_export_goes_to_the_screen(hgm: Command, finished: Path) -> None:
    assert json.loads(hgm("tree", "export", "done").out)["run"] == "done"


def test_the_export_of_a_run_that_has_only_begun(hgm: Command, tmp_path: Path) -> None:
    make(tmp_path / "runs" / "new")
    document = json.loads(hgm("tree", "export", "new").out)
    assert [node["status"] for node in document["nodes"]] == ["unevaluated"]
    assert document["results"]["winner"] is None


def test_the_format_is_that_of_the_files_name(hgm: Command, finished: Path, tmp_path: Path) -> None:
    for kind in ("html", "json", "graphml", "dot", "svg", "csv"):
        said = hgm("tree", "export", "done", "-o", str(tmp_path / f"tree.{kind}"))
        assert said.code == 0, said.err
        assert hgm("tree", "export", "done", "--format", kind).out == (tmp_path / f"tree.{kind}").read_text()
    assert {file.name.partition(".")[0] for file in tmp_path.glob("*.*")} == {"tree"}
    said = hgm("tree", "export", "done", "-o", str(tmp_path / "tree.png"))
    assert (said.code, "there are html, json" in said.err) == (2, True)
    said = hgm("tree", "export", "done", "--with", "done", "--format", "svg")
    assert (said.code, "--format html" in said.err) == (2, True)


def test_half_a_surrogate_pair_in_a_journal_ends_no_export(hgm: Command, tmp_path: Path) -> None:
    def broken(job: Job, slot: int) -> Result:
        result = work(job, slot)
        if isinstance(result, EvaluationResult):
            return replace(result, cause="te\udcffsts\ud83d \U0001f600") if result.outcome is Outcome.FAILED else result
        return replace(result, brief="a\ud800", reason=result.reason and f"{result.reason}: \ud800")

    run = make(tmp_path / "runs" / "odd", budget=30)
    go_on(run, by=broken)
    told, state = history(run), read(run)
    assert set(told.evaluations.causes) == {item.cause for item in state.evaluations}
    assert any("\udcff" in cause for cause in told.evaluations.causes)
    for kind in ("html", "json", "graphml", "dot", "svg", "csv"):
        said = hgm("tree", "export", "odd", "-o", f"tree.{kind}")
        assert said.code == 0, said.err
        assert hgm("tree", "export", "odd", "--format", kind).out == Path(f"tree.{kind}").read_text("utf-8")
    document = from_json(Path("tree.json").read_bytes())  # strict: half a pair is no JSON to it
    assert "te\\udcffsts\\ud83d \U0001f600" in document["measurements"]["causes"]
    assert any(node["brief"] == "a\\ud800" for node in document["nodes"])


def test_a_link_and_a_pipe_stay_what_they_are(hgm: Command, finished: Path, tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "there.json")
    (tmp_path / "there.json").write_text("old")
    assert hgm("tree", "export", "done", "-o", str(tmp_path / "link.json")).code == 0
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "there.json").read_text().startswith("{")
