"""An evaluation: one agent, or patches from elsewhere, on chosen tasks. A run like a search's, with a plan and no tree.

So it has a journal, trajectories and a budget, and goes on where it was stopped.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluators.base import Benchmark, Split
from hgm import run as runs
from hgm.config import SearchConfig
from hgm.contract import read_manifest
from hgm.controller import Display, go_on
from hgm.errors import ConfigError, HGMError
from hgm.loop import Ending
from hgm.preflight import build_all, is_played, must_be_ready, must_be_shown
from hgm.run import Folder
from hgm.scratch import run_id
from hgm.session import basics, remember_layers, remember_sandboxes, sandboxes_of
from hgm.submissions import FILE, Source, read_predictions
from sandboxes.base import Files

ALL = "all"
SPLITS = {ALL: (Split.SEARCH, Split.SELECT, Split.SEALED), **{split.value: (split,) for split in Split}}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is evaluated on what."""

    agent: str
    """As the user called it; for `gold` and `predictions` what stands in its place."""
    files: Files
    selected_on: str = ""
    """The benchmark of the search that it comes from."""
    split: str
    tasks: Sequence[tuple[Split, str]]
    repeats: int = 1
    attempts: int = 1
    """2: an agent that fails is shown what the tests printed, and tries once more (`hgm.second_attempt`)."""
    source: Source = "agent"
    predictions: Path | None = None


def chosen_tasks(benchmark: Benchmark, split: str, limit: int | None = None) -> list[tuple[Split, str]]:
    """The tasks of a split by name, or of all but dev.

    Raises:
        ConfigError: no such split, or it is empty.
    """
    if split not in SPLITS:
        raise ConfigError(f"--split {split}: choose one of {', '.join(SPLITS)}")
    tasks = [(part, task) for part in SPLITS[split] for task in benchmark.tasks(part)]
    if not tasks:
        raise ConfigError(f"benchmark {benchmark.name} has no {split} tasks: there is nothing to evaluate on")
    return tasks[:limit]


def predicted(benchmark: Benchmark, tasks: Sequence[tuple[Split, str]], file: Path) -> list[tuple[Split, str]]:
    """Those of the tasks that a file has predictions for.

    Raises:
        ConfigError: for none of them.
    """
    names = read_predictions(file).keys()
    found = [(split, task) for split, task in tasks if benchmark.task(task).name in names]
    if not found:
        raise ConfigError(f"{file} holds no prediction for any of these {len(tasks)} tasks of {benchmark.name}")
    return found


def start(
    plan: Plan, config: SearchConfig, benchmark: Benchmark, path: Path, *, display: Display, headed: bool = False
) -> Ending:
    """Make the run of an evaluation and go on with it to its end. One whose lab does not come up is not kept.

    Raises:
        HGMError: see `controller.go_on`.
    """
    if plan.attempts > 1 and not getattr(benchmark, "shows_tests", False):
        raise ConfigError(f"--attempts {plan.attempts} is a mode of polyglot's; {benchmark.name} shows no hidden test")
    created = basics(config, benchmark, config.sandbox)
    provider = sandboxes_of(config, config.sandbox)
    used = dict.fromkeys(task for _, task in plan.tasks)
    if plan.source != "agent" and is_played(benchmark, used):
        raise ConfigError(f"{benchmark.name} is played by agents, and has no written solutions to grade: name an AGENT")
    if headed:
        must_be_shown(benchmark, used, provider)
    missing = must_be_ready(benchmark, used, provider, read_manifest(plan.files), allow_build=config.docker.allow_build)
    build_all(missing, display.preparing)
    remember_sandboxes(created, provider)
    created["evaluation"] = {
        "agent": plan.agent,
        "selected_on": plan.selected_on,
        "split": plan.split,
        "tasks": [[split.value, task] for split, task in plan.tasks],
        "repeats": plan.repeats,
        "attempts": plan.attempts,
        "source": plan.source,
    }
    layered = remember_layers(created, plan.files, None, run=run_id(path), preparing=display.preparing)
    runs.create(path, layered, plan.files)
    try:
        if plan.predictions is not None:
            shutil.copyfile(plan.predictions, Folder(path).path / FILE)
        return go_on(path, display=display, headed=headed)
    except HGMError:
        runs.discard_unused(path)
        raise


def plan_of(created: Mapping[str, Any]) -> Mapping[str, Any]:
    """What event zero says of the plan.

    Raises:
        ConfigError: it is a search's.
    """
    if "evaluation" not in created:
        raise ConfigError("this run is a search, not an evaluation")
    told: Mapping[str, Any] = created["evaluation"]
    return told
