"""GUI agents in a tree, but for the browser: who edits them, on what evidence, and the page they shake hands on."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from hgm.agents_by_name import BUNDLED, find_agent
from hgm.config import SearchConfig
from hgm.contract import read_agent, read_manifest
from hgm.controller import prepare
from hgm.errors import AgentError, ConfigError, SandboxLost
from hgm.evaluate import evaluate
from hgm.evidence import contents
from hgm.expand import expand
from hgm.gates import Candidate, Rejection, first_rejection
from hgm.jobs import Exhibit, Finding
from hgm.lab import Lab
from hgm.preflight import must_be_ready
from hgm.trajectories import latest_lease
from sandboxes.base import Files
from tests.hgm.paper_stage import OnePage, PaperEpisode, PaperStage, Stubborn
from tests.hgm.small_gui import gui_agent
from tests.hgm.small_lab import MANIFEST, OneTask, agent, evaluation, expansion, scripted, small_lab
from trees.folders import write_folder
from trees.records import Expansion, Outcome

pytestmark = pytest.mark.needs("bubblewrap")
GUI = f'{MANIFEST}kinds = ["gui"]\n'
ACTS = "from model import ask\nask('what now?')\nclick('e2')\n"
ROOT = gui_agent(ACTS, manifest=GUI)
numbers = count(1)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with small_lab(tmp_path_factory.mktemp("gui") / "run", ROOT) as lab:
        yield replace(lab, benchmark=OnePage(), stage=PaperStage())


def child(main: str) -> Files:
    return {**ROOT, b"main.py": gui_agent(main)[b"main.py"]}


def refused(lab: Lab, files: Files) -> Rejection | None:
    job = f"x{next(numbers):05d}"
    return first_rejection(Candidate(job=job, seed=1, parent=ROOT, files=files), lab, 0)


def test_an_agent_says_what_it_does() -> None:
    assert read_manifest(agent()).kinds == ("solve", "improve")
    assert read_manifest(ROOT).kinds == ("gui",)
    for wrong in ('kinds = ["fly"]', "kinds = []", 'kinds = "gui"'):
        with pytest.raises(AgentError, match="kinds"):
            read_manifest(agent(manifest=f"{MANIFEST}{wrong}\n"))


@pytest.mark.parametrize(("root", "benchmark", "says"), [(ROOT, OneTask(), "seed"), (agent(), OnePage(), "gui_seed")])
def test_an_agent_is_not_asked_for_what_it_does_not_do(lab: Lab, root: Files, benchmark: OneTask, says: str) -> None:
    with pytest.raises(ConfigError, match=f"among its kinds, e.g. {says}"):
        must_be_ready(benchmark, ("t-double",), lab.provider, read_manifest(root), allow_build=False)


@pytest.mark.parametrize(
    ("main", "says"),
    [
        (ACTS, ""),
        (f"{ACTS}# it is no matter that the click was wrong\n", ""),
        ("click('e1')\n", "it never called its model"),
        ("from model import ask\nask('hm')\n", "it never looked at its page"),
        (f"observe()\n{ACTS.replace('e2', 'e9')}raise SystemExit(4)\n", "crashed"),
        (f"{ACTS.replace('e2', 'e1')}raise SystemExit(4)\n", ""),
    ],
    ids=["acts", "again", "asks nobody", "never looks", "crashes", "crashes behind a success"],
)
def test_children_shake_hands_on_a_page(lab: Lab, main: str, says: str) -> None:
    found = refused(lab, child(f"{main}# {next(numbers)}\n"))
    assert (found.reason if found else "", says in (found.message if found else "")) == (
        "handshake" if says else "",
        True,
    )


def test_without_a_browser_nothing_can_be_said_about_a_child(lab: Lab) -> None:
    for stage, kind, says in (
        (Stubborn(3), Expansion.UNMEASURED, "no browser"),
        (Stubborn(2), Expansion.CHILD, ""),
        (PaperStage(lambda: PaperEpisode(broken_at=0)), Expansion.UNMEASURED, "the browser is gone"),
        (PaperStage(lambda: PaperEpisode(broken_at=0, trouble=SandboxLost)), Expansion.REJECTED, "lost: the browser"),
    ):
        found = expand(expansion(lab, next(numbers)), replace(lab, stage=stage, edits_by="placebo"), 0)
        assert (found.kind, says in found.reason) == (kind, True), found.reason


def test_a_fixed_editor_changes_a_gui_agent_on_the_evidence_of_its_page(lab: Lab, tmp_path: Path) -> None:
    seed = find_agent("seed", tmp_path)
    write_folder(seed, tmp_path / "editor", read_only=True)
    (tmp_path / "editor").chmod(0o755)
    (tmp_path / "scripts").mkdir()
    with scripted(lab, tmp_path / "scripts", [{"echo": True, "repeat": True}]) as heard:
        failed = evaluate(evaluation(heard, 1)._replace(task="g-button"), heard, 0)
        assert (failed.outcome, failed.cause) == (Outcome.FAILED, "wrong")
        job = replace(expansion(heard, 500, evidence=(failed.job,)))
        with_editor = replace(heard, editor=tmp_path / "editor", editor_manifest=read_manifest(seed))
        found = expand(job, with_editor, 0)
    assert found.kind is Expansion.REJECTED  # a model that only echoes changes nothing
    asked = latest_lease(lab.trajectories / f"{job.id}-diagnosis.jsonl.zst")["call started"].record["request"]
    shown = asked["messages"][1]["content"]
    assert '| {"name": "click", "bid": "e2"}' in shown
    assert '| - button "wrong" [ref=e2]' in shown
    edited = latest_lease(lab.trajectories / f"{job.id}-edit.jsonl.zst")["call started"].record["request"]
    assert "Improve this GUI agent" in str(edited["messages"])


def test_a_folder_of_evidence_holds_the_episode(lab: Lab) -> None:
    number = next(numbers) + 300
    failed = evaluate(evaluation(lab, number)._replace(task="g-button"), lab, 0)
    commit = lab.archive.add_child(lab.archive.best(), child("pass\n"), "does nothing", number).commit
    idle = evaluate(evaluation(lab, number + 1)._replace(task="g-button", commit=commit), lab, 0)
    found = tuple(
        Finding(task=at, outcome="failed", cause=one.cause, job=one.job) for at, one in enumerate((failed, idle))
    )
    lineage = (Exhibit(node=0, commit=lab.archive.best(), base="", findings=found),)
    files = contents(replace(expansion(lab, number), lineage=lineage), lab)
    told = files[b"agents/0/task-0/episode.txt"].data.decode()
    assert told == (
        'It acts:\n| {"name": "click", "bid": "e2"}\n'
        'The page:\n| - button "right" [ref=e1]\n| - button "wrong" [ref=e2]\nThe episode is over.\n'
    )
    assert files[b"agents/0/task-1/episode.txt"].data == b"It never looked at its page.\n"
    assert b"left out" not in files[b"README.txt"].data


def test_a_model_that_was_shown_pictures_is_shown_them_as_evidence(lab: Lab, tmp_path: Path) -> None:
    looks = (
        "import json\nfrom model import ask\nseen = click('e2', screenshot=True)[1]\n"
        "shown = [{'type': 'text', 'text': 'hm'}, {'type': 'image_url', 'image_url': {'url': seen['screenshot']}}]\n"
        "ask(shown)\n"
    )
    for sees, main in ((True, looks), (False, looks.replace("ask(shown)", "ask('hm')"))):
        folder = tmp_path / str(sees)
        folder.mkdir()
        number = next(numbers) + 700
        commit = lab.archive.add_child(lab.archive.best(), child(main), "looks", number).commit
        with scripted(lab, folder, [{"text": "fine", "repeat": True}]) as heard:
            failed = evaluate(evaluation(heard, number)._replace(task="g-button", commit=commit), heard, 0)
            job = expansion(heard, number, evidence=(failed.job,))
            expand(job, heard, 0)
        asked = latest_lease(lab.trajectories / f"{job.id}-diagnosis.jsonl.zst")["call started"].record["request"]
        kinds = [part["type"] for part in asked["messages"][1]["content"]] if sees else []
        assert kinds == (["text", "image_url"] if sees else [])
        assert sees or isinstance(asked["messages"][1]["content"], str)


@pytest.mark.needs("chromium")
def test_who_cannot_edit_itself_is_edited_by_the_seed_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hgm.controller.benchmark_of", lambda config: ManyPages())
    write_folder(ROOT, tmp_path / "root", read_only=False)
    for asked, editor in (("self", "seed"), ("placebo", "placebo"), ("random", "random")):
        config = SearchConfig(budget=6, agent=str(tmp_path / "root"), sandbox="bubblewrap", editor=asked)
        prepared = prepare(config, tmp_path / "run", runs_dir=tmp_path)
        assert prepared.config.editor == prepared.created["config"]["editor"] == editor
        assert (prepared.editor is None) == (editor != "seed")
    with pytest.raises(ConfigError, match="does not improve code"):
        prepare(config.model_copy(update={"editor": "fixed"}), tmp_path / "run", runs_dir=tmp_path)
    config = SearchConfig(budget=6, agent=str(tmp_path / "root"), sandbox="bubblewrap", editor=str(tmp_path / "root"))
    assert prepare(config, tmp_path / "run", runs_dir=tmp_path).config.editor == str(tmp_path / "root")


class ManyPages(OnePage):
    """The same, in all splits."""

    def tasks(self, split: object) -> tuple[str, ...]:
        return ("g-button",)


def test_the_bundled_agents_do_what_they_say() -> None:
    assert read_manifest(read_agent(BUNDLED / "seed")).kinds == ("solve", "improve")
