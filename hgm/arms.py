"""Arms of an experiment: runs that search alike, with one policy, its options and one editor."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from hgm.config import EDITORS, FIXED, PLACEBO, RANDOM, SELF, PolicyConfig
from hgm.state import RunState
from trees.policies import POLICIES
from trees.records import ROOT

CONTROLS = {"placebo": PLACEBO, "random_edit": RANDOM, "fixed_editor": FIXED}
"""Arm -> its editor: what a search comes to without an editor that improves. Each may gain what those before it do."""
USUAL = "hgm"
"""The policy that no control names."""
FLAT = "flat_children"
_TREE = 7
"""Letters of a git tree that tell editors of one name apart."""


class Way(NamedTuple):
    """How a run searches."""

    policy: str
    """With the options that were set."""
    editor: str
    """One of `EDITORS`, or an agent's name and git tree."""

    @property
    def arm(self) -> str:
        """What runs of it are called."""
        if self.editor == SELF:
            return self.policy
        if self.editor not in EDITORS:
            return f"{self.policy}, edited by {self.editor}"
        (control,) = (arm for arm, editor in CONTROLS.items() if editor == self.editor)
        return control if self.policy == USUAL else f"{control} of {self.policy}"

    @property
    def is_control(self) -> bool:
        """Whether its editor is one that does not improve."""
        return self.editor in CONTROLS.values()

    @property
    def controls(self) -> dict[str, "Way"]:
        """Arm -> the same search with that editor, of those that it is to be set beside."""
        found = dict(CONTROLS)
        while self.editor in found.values():
            found.popitem()
        return {arm: self._replace(editor=editor) for arm, editor in found.items()}


def way_of(state: RunState) -> Way:
    """How a run searches; the seed agent as an AGENT is a fixed editor, too."""
    return Way(words(state.config.policy), _editor_of(state))


def words(policy: PolicyConfig) -> str:
    """A policy with the options that were set."""
    options = ", ".join(f"{name}={value}" for name, value in sorted(policy.options.items()))
    return policy.name + (f" ({options})" if options else "")


def _editor_of(state: RunState) -> str:
    if state.config.editor in EDITORS:
        return state.config.editor
    tree = state.created.get("editor", {}).get("tree", "")
    return FIXED if tree == state.nodes[ROOT].tree else f"{state.config.editor_name} {tree[:_TREE]}".rstrip()


def place(arm: str) -> tuple[int, str]:
    """The arms' order: policies as they are listed, then what was named by hand, controls last."""
    names = [*POLICIES]
    policy = re.split(r" \(|, ", arm)[0]
    for number, control in enumerate(reversed(CONTROLS), len(names) + 1):
        if arm == control or arm.startswith(f"{control} of "):
            return number, arm
    return (names.index(policy) if policy in names else len(names)), arm


def beside(arm: str, ways: Iterable[tuple[str, Way]]) -> dict[str, str]:
    """Baseline -> the arm that is this one's; `ways` are those of all runs, each with the name of its arm.

    How arms are called does not matter, unless one was made by hand of runs that search differently.
    """
    found: dict[str, set[Way]] = {}
    for name, way in ways:
        found.setdefault(name, set()).add(way)
    if len(found[arm]) != 1:
        return {FLAT: FLAT} if arm != FLAT and FLAT in found else {}
    (own,) = found[arm]
    wanted = {**own.controls, FLAT: own._replace(policy=FLAT)}
    named = {baseline: _named(way, found) for baseline, way in wanted.items()}
    named[FLAT] = named[FLAT] or (FLAT if FLAT in found else "")
    return {baseline: name for baseline, name in named.items() if name not in ("", arm)}


def _named(way: Way, found: Mapping[str, set[Way]]) -> str:
    return next((name for name, ways in found.items() if ways == {way}), "")


def known_arms() -> Collection[str]:
    """What a search makes."""
    return (*POLICIES, *CONTROLS)


def arm_wanted(name: str, pattern: RunState) -> tuple[PolicyConfig, str, Way]:
    """The policy and the editor of the arm `name` for the search that `pattern` made, and how it searches."""
    own = way_of(pattern)
    if name in CONTROLS:
        return pattern.config.policy, CONTROLS[name], own._replace(editor=CONTROLS[name])
    policy = PolicyConfig(name=name)
    if own.is_control:
        return policy, SELF, Way(words(policy), SELF)
    return policy, pattern.config.editor, Way(words(policy), own.editor)
