"""What an arm is called, and which arms it is set beside."""

from pathlib import Path

import pytest

from hgm.arms import Way, beside, place, way_of
from hgm.run import create, read
from tests.hgm.simulated import SEED_AGENT, created
from trees.records import ROOT


def run_of(path: Path, *, editor_files: dict = {}, **config: object) -> Way:  # noqa: B006 - never written to
    create(path, created(**config), SEED_AGENT, editor={**SEED_AGENT, **editor_files} if editor_files else None)
    return way_of(read(path))


@pytest.mark.parametrize(
    ("config", "arm"),
    [
        ({}, "hgm"),
        ({"editor": "placebo"}, "placebo"),
        ({"editor": "random"}, "random_edit"),
        ({"editor": "fixed"}, "fixed_editor"),
        ({"editor": "random", "policy": "random"}, "random_edit of random"),
        ({"editor": "fixed", "policy": "greedy"}, "fixed_editor of greedy"),
    ],
)
def test_an_arm_is_called_after_its_policy_and_its_editor(tmp_path: Path, config: dict, arm: str) -> None:
    assert run_of(tmp_path / "run", **config).arm == arm


def test_another_agent_as_editor_makes_an_arm_of_its_own_by_what_it_holds(tmp_path: Path) -> None:
    one, same, other = (
        run_of(tmp_path / name, editor=f"/somewhere/{name}/ed", editor_files={b"x.py": SEED_AGENT[source]})
        for name, source in (("one", b"main.py"), ("same", b"main.py"), ("other", b"agent.toml"))
    )
    assert one == same != other
    assert one.arm.startswith("hgm, edited by ed ")
    assert not one.is_control


def test_the_seed_agent_by_its_name_is_a_fixed_editor(tmp_path: Path) -> None:
    create(tmp_path / "run", created(editor="/somewhere/seed"), SEED_AGENT, editor=SEED_AGENT)
    state = read(tmp_path / "run")
    assert state.created["editor"]["tree"] == state.nodes[ROOT].tree
    assert way_of(state).arm == "fixed_editor"


def test_an_arm_is_set_beside_what_its_own_search_comes_to_with_less() -> None:
    ways = [
        (Way(policy, editor).arm, Way(policy, editor))
        for policy in ("hgm", "greedy", "flat_children")
        for editor in ("self", "fixed", "random", "placebo")
        if (policy, editor) not in (("greedy", "fixed"), ("flat_children", "random"))
    ]
    assert beside("hgm", ways) == {
        "placebo": "placebo",
        "random_edit": "random_edit",
        "fixed_editor": "fixed_editor",
        "flat_children": "flat_children",
    }
    assert beside("fixed_editor", ways) == {
        "placebo": "placebo",
        "random_edit": "random_edit",
        "flat_children": "fixed_editor of flat_children",
    }
    assert beside("random_edit of greedy", ways) == {"placebo": "placebo of greedy", "flat_children": "flat_children"}
    assert beside("placebo", ways) == {"flat_children": "placebo of flat_children"}
    assert "flat_children" not in beside("flat_children", ways)


def test_arms_by_hand_are_known_by_what_they_hold() -> None:
    ways = [("mine", Way("greedy", "self")), ("sham", Way("greedy", "random")), ("odd", Way("greedy", "self"))]
    assert beside("mine", ways) == {"random_edit": "sham"}
    mixed = [*ways, ("odd", Way("hgm", "self")), ("flat_children", Way("sica", "self"))]
    assert beside("odd", mixed) == {"flat_children": "flat_children"}


def test_controls_come_last_and_the_placebo_behind_them() -> None:
    arms = ["placebo", "random_edit of greedy", "mine", "hgm, edited by ed 1234567", "fixed_editor", "greedy", "hgm"]
    arms.append("random_edit")
    assert sorted(arms, key=place) == [
        "hgm",
        "hgm, edited by ed 1234567",
        "greedy",
        "mine",
        "fixed_editor",
        "random_edit",
        "random_edit of greedy",
        "placebo",
    ]
