"""Runs as tables and lines: what was asked, what was spent, what came of it, and the events in their order."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from evaluators.base import Split
from hgm.agents_by_name import best_node
from hgm.cli.costs import duration, ended_by, evaluations, price_lines, spent, unsettled_lines, usage_words
from hgm.cli.report import rate
from hgm.cli.terminal import one_line, plural, safe, shown_name
from hgm.config import SELF, SearchConfig
from hgm.errors import HGMError
from hgm.gateway.records import Usage, usage_from_json
from hgm.run import Folder, is_locked, read, read_events
from hgm.spending import spent as used_so_far
from hgm.state import RunState, job_from
from hgm.summary import Score, rejections, score, sealed_openings, spend, stage
from trees.journal import Event
from trees.records import Expansion, Outcome

MILESTONES = ("created", "budget raised", "confirming", "winner", "sealed opened", "stopped")


def table(runs: Sequence[Path]) -> Table:
    """One row per run."""
    drawn = Table("run", "state", "benchmark", "policy", "spent", "agents", "best", box=None, pad_edge=False)
    for path in runs:
        try:
            drawn.add_row(safe(path.name), *_cells(path))
        except HGMError as error:
            drawn.add_row(safe(path.name), safe(f"cannot be read: {one_line(str(error))}"))
    return drawn


def account(path: Path, *, every_event: bool) -> Iterator[str]:
    """All about one run, as lines of markup."""
    state, events = read(path), read_events(path)
    began = datetime.fromtimestamp(events[0].at, UTC)
    versions = state.created["versions"]
    yield f"[bold]{safe(shown_name(path))}[/bold]: {_stage(path, state)}; begun {began:%Y-%m-%d %H:%M} UTC"
    yield from _origin(state.created)
    yield f"  made by    hgm {safe(versions.get('hgm'))}, Python {safe(versions.get('python'))}"
    yield from _spent(path, state)
    yield "[bold]Configuration[/bold] (as resolved; config.toml in the run's directory)"
    for key, value in _flat(state.config.model_dump(mode="json")):
        yield f"  {safe(key)} = {safe(value)}"
    yield f"  sandbox used: {safe(state.created['sandbox'])}"
    fingerprint = state.created["benchmark"]["fingerprint"]
    yield f"  benchmark fingerprint: {safe(fingerprint)}"
    yield "[bold]Events[/bold] (`hgm fork RUN --at EVENT` goes on from one before the search ended)"
    shown = [event for event in events if every_event or _matters(event)]
    for event in shown:
        yield f"  {event.seq:>6}  {safe(_words(event, state))}"
    if len(shown) < len(events):
        yield f"  [dim]{len(events) - len(shown)} others: --events[/dim]"


def _cells(path: Path) -> list[str]:
    state = read(path)
    best = best_node(state)
    if state.planned is not None:
        return _evaluation_cells(path, state)
    return [
        _stage(path, state),
        safe(state.created["benchmark"]["name"]),
        safe(state.config.policy.name) + _edited(state.config),
        spent(state),
        str(len(state.nodes)),
        f"agent {best}: {rate(score(state, best, Split.SEARCH))}",
    ]


def _edited(config: SearchConfig) -> str:
    return "" if config.editor == SELF else f" (editor {safe(config.editor_name)})"


def _evaluation_cells(path: Path, state: RunState) -> list[str]:
    measured = [item for item in state.evaluations if item.outcome is not Outcome.UNMEASURED]
    passed = sum(item.outcome is Outcome.PASSED for item in measured)
    return [
        _stage(path, state),
        safe(state.created["benchmark"]["name"]),
        "evaluation",
        spent(state),
        "",
        f"{safe(state.created['evaluation']['agent'])}: {rate(Score(passed, len(measured)))}",
    ]


def _stage(path: Path, state: RunState) -> str:
    where = stage(state)
    if where == "finished":
        return where
    return f"{where} now" if is_locked(Folder(path)) else f"stopped while {where}"


def _origin(created: Mapping[str, Any]) -> Iterator[str]:
    if origin := created.get("forked_from"):
        yield f"  forked     from {safe(origin['run'])} at event {origin['event']}"


def _spent(path: Path, state: RunState) -> Iterator[str]:
    used = spend(state)
    yield f"  spent      {spent(state)}; {evaluations(state.budget, used)}"
    yield f"  models     {usage_words(used.usage, state.prices)}"
    if state.running:
        open_ = sum((used_so_far(job, Folder(path).trajectories) for job in state.running), Usage())
        yield f"  running    {plural(len(state.running), 'job')}, so far {usage_words(open_, state.prices)}"
    yield from ended_by(state)
    for line in unsettled_lines(path, state):
        yield f"  [yellow]{safe(line)}[/yellow]"
    for line in price_lines(state.prices):
        yield f"  price      {safe(line)}"
    yield f"  time       {duration(state.elapsed_s)}; {used.seconds:,.0f} s of evaluations, several at a time"
    yield f"  unmeasured {used.unmeasured}"
    yield f"  sealed     opened {plural(sealed_openings(state), 'time')}, origins of a fork included"
    yield f"  agents     {len(state.nodes)}, of which best so far: {best_node(state)}"
    reasons = ", ".join(f"{count} {safe(reason)}" for reason, count in rejections(state).most_common())
    yield f"  rejected   {reasons or 'none'}"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is not None:
            yield prefix + key, value


def _matters(event: Event) -> bool:
    return event.kind in MILESTONES or event.payload.get("kind") == Expansion.CHILD


def _words(event: Event, state: RunState) -> str:
    payload = event.payload
    if event.kind == "started":
        job = job_from(payload)
        task = getattr(job, "task", "")
        return f"started {job.id}: agent {job.node} " + (f"on {one_line(task, 60)}" if task else "makes a child")
    if event.kind == "finished" and "outcome" in payload:
        return f"finished {payload['job']}: {payload['outcome']} {one_line(payload['cause'], 40)}".rstrip()
    if event.kind == "finished":
        born = next((node.id for node in state.nodes if node.job == payload["job"]), None)
        end = f"{payload['kind']} {one_line(payload['reason'], 60)}" if born is None else f"agent {born} is born"
        return f"finished {payload['job']}: {end}"
    if event.kind == "confirming":
        return f"the search is over; confirming agents {', '.join(map(str, payload['candidates']))}"
    if event.kind == "winner":
        return f"the winner is agent {payload['node']}"
    if event.kind == "sealed opened":
        return f"{plural(len(payload['tasks']), 'sealed task')} opened"
    if event.kind == "budget raised":
        return f"the budget was raised by {one_line(str(payload['by']))}"
    if event.kind == "probed":
        return f"the gateway's own probes: {usage_from_json(payload['usage']).tokens.total:,} tokens"
    return f"stopped: {one_line(payload['reason'])}" if event.kind == "stopped" else event.kind
