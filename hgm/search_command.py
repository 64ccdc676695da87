"""The `hgm search` command that makes another arm of an experiment: a run's own settings, another policy or editor."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from shlex import join, quote
from typing import Any

from hgm.budget import Budget
from hgm.config import SELF, PolicyConfig, SearchConfig
from hgm.names import LONGEST
from hgm.state import RunState

_FLAGS = ("benchmark", "data", "agent", "calibration")
"""Settings with a flag of the same name."""
_SAID = ("budget", "seed", "workers", "sandbox", "policy", "editor")
"""Those that the command always names, or that make the arm."""


def search_command(
    state: RunState,
    *,
    policy: PolicyConfig,
    editor: str,
    stem: str,
    seeds: Sequence[int],
    runs_dir: Path,
    usual_dir: Path,
) -> str:
    """One line for a shell: a search for each seed, with the budget and all settings of this run.

    Runs are called after `stem` and the seed where nothing of that name is there yet.
    """
    words = [] if editor == SELF else ["--editor", editor]
    words += [] if words and policy.name == "hgm" else ["--policy", policy.name]
    words += _assignments(flattened(policy.options, "policy.options."))
    words += ["--budget", str(state.budget), "--workers", str(state.config.workers)]
    words += ["--sandbox", str(state.created["sandbox"]), *_settings(state.config)]
    if runs_dir != usual_dir:
        words += ["--runs-dir", str(runs_dir)]
    names = [f"{stem}-{seed}" for seed in seeds]
    is_free = all(len(name) <= LONGEST and not (runs_dir / name).exists() for name in names)
    if len(seeds) == 1:
        return join(["hgm", "search", *words, "--seed", str(seeds[0]), *(["--run", names[0]] if is_free else [])])
    run = f" --run {quote(stem)}-$seed" if is_free else ""
    return f"for seed in {' '.join(map(str, seeds))}; do {join(['hgm', 'search', *words])} --seed $seed{run}; done"


def flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings as `-o` names them; a key that TOML would not take bare is quoted."""
    for key, value in values.items():
        name = prefix + (key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key))
        if isinstance(value, dict):
            yield from flattened(value, f"{name}.")
        else:
            yield name, value


def _settings(config: SearchConfig) -> Iterator[str]:
    """Whatever is not as it would be anyway."""
    usual = SearchConfig(budget=Budget(evaluations=1), backbones=config.backbones)
    before = {**dict(flattened(usual.model_dump(mode="json"))), **_NO_BACKBONES}
    for name, value in flattened(config.model_dump(mode="json")):
        if name.partition(".")[0] in _SAID or value is None:
            continue
        if name in before and before[name] == value:
            continue
        if name in _FLAGS:
            yield from (f"--{name}", str(value))
        else:
            yield from _assignments([(name, value)])


def _assignments(settings: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """As flags; what JSON writes of text, numbers and lists, TOML reads."""
    for name, value in settings:
        yield from ("-o", f"{name}={json.dumps(value)}")


_NO_BACKBONES = dict(flattened({"backbones": SearchConfig(budget=Budget(evaluations=1)).backbones.model_dump()}))
"""A run's own are not usual."""
