"""An evaluation on a terminal: its display, its report and the files that it can write."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from evaluators.base import Benchmark, Split
from hgm.agents_by_name import find_agent, find_run
from hgm.budget import Budget
from hgm.cli.conduct import STATUS
from hgm.cli.costs import duration, unsettled_lines, usage_words
from hgm.cli.counting import counting
from hgm.cli.preview import NOT_A_MODEL
from hgm.cli.report import score_text
from hgm.cli.terminal import one_line, out, plural, points, safe, shown_name
from hgm.config import SearchConfig, is_builtin
from hgm.controller import Display, lasting_benchmark
from hgm.errors import ConfigError
from hgm.evaluate import SECOND
from hgm.evaluation import ALL, Plan, chosen_tasks, plan_of, predicted, start
from hgm.evaluation_report import (
    Compared,
    Row,
    by_group,
    causes,
    check_document,
    compare,
    document,
    harness_report,
    official,
    predictions,
    rows,
    score,
)
from hgm.loop import Ending
from hgm.names import default_run, new_run
from hgm.plan import is_finished
from hgm.run import read
from hgm.session import benchmark_of, check_unchanged
from hgm.state import RunState
from hgm.submissions import Source
from trees.checkouts import checkout, is_address

_NAMED = 10


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The files that a user asked for, and how much is shown."""

    json: Path | None = None
    predictions: Path | None = None
    report_dir: Path | None = None
    tasks: bool = False


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a user asked to be evaluated."""

    agent: str
    source: Source
    split: str | None
    limit: int | None
    repeats: int
    attempts: int
    predictions: Path | None
    is_unlimited: bool
    """Whether the user named no budget."""
    run: str | None
    runs_dir: Path


def evaluated(asked: Asked, config: SearchConfig, *, wanted: Wanted, quiet: bool, headed: bool = False) -> None:
    """Plan an evaluation, and conduct it."""
    files = find_agent(asked.agent if asked.source == "agent" else "seed", asked.runs_dir)
    benchmark = benchmark_of(config)
    split = asked.split or (Split.SEARCH.value if config.benchmark == "builtin" else ALL)
    tasks = chosen_tasks(benchmark, split, asked.limit)
    if asked.predictions:
        tasks = predicted(benchmark, tasks, asked.predictions)
    total = len(tasks) * asked.repeats
    if asked.is_unlimited:
        config = config.model_copy(update={"budget": Budget(evaluations=total)})
    config = config.model_copy(update={"benchmark": lasting_benchmark(config.benchmark)})
    plan = Plan(
        agent=str(checkout(asked.agent).address) if is_address(asked.agent) else asked.agent,
        selected_on=_selected_on(asked),
        files=files,
        split=split,
        tasks=tasks,
        repeats=asked.repeats,
        attempts=asked.attempts,
        source=asked.source,
        predictions=asked.predictions,
    )
    name = asked.run or default_run(f"eval-{config.benchmark.rpartition('/')[2]}", asked.runs_dir)
    path = new_run(name, asked.runs_dir)

    def go(show: Display) -> Ending:
        return start(plan, config, benchmark, path, display=show, headed=headed)

    conduct(path, total, go, wanted=wanted, quiet=quiet)


def _selected_on(asked: Asked) -> str:
    """The benchmark of the search that an agent comes from; empty where it comes from none."""
    run, colon, _ = asked.agent.rpartition(":")
    if asked.source != "agent" or not colon or is_address(asked.agent):
        return ""
    state = read(find_run(run, asked.runs_dir))
    return "" if "evaluation" in state.created else state.config.benchmark


def conduct(path: Path, total: int, go: Callable[[Display], Ending], *, wanted: Wanted, quiet: bool) -> None:
    """Run an evaluation with a display, report it, and end the command as it ended."""
    with counting(total, quiet=quiet) as display:
        ending = go(display)
    state = read(path)
    benchmark = benchmark_of(state.config)
    for line in report_lines(path, state, benchmark, ending):
        out().print(line)
    found = rows(state, benchmark)
    if wanted.tasks:
        out().print(task_table(found))
    _write(wanted, path, state, benchmark)
    if ending is Ending.FINISHED and found and not any(row.is_measured for row in found):
        raise typer.Exit(STATUS[Ending.HOST])
    raise typer.Exit(STATUS[ending])


def _write(wanted: Wanted, path: Path, state: RunState, benchmark: Benchmark) -> None:
    if wanted.json:
        write_json(document(state, benchmark), wanted.json)
    if wanted.predictions:
        lines = [json.dumps(row) + "\n" for row in predictions(state, benchmark, path)]
        _write_text(wanted.predictions, "".join(lines))
    if wanted.report_dir:
        agent = str(state.created["evaluation"]["agent"]).replace("/", "__")
        write_json(harness_report(state, benchmark), wanted.report_dir / f"hgm-{agent}.{path.name}.json")


def write_json(value: Mapping[str, Any], file: Path) -> None:
    """Write a JSON file.

    Raises:
        ConfigError: it cannot be written.
    """
    _write_text(file, json.dumps(value, indent=1) + "\n")


def _write_text(file: Path, text: str) -> None:
    try:
        file.write_text(text)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written ({error.strerror}): name another file") from error


def report_lines(path: Path, state: RunState, benchmark: Benchmark, ending: Ending) -> Iterator[str]:
    """The result, as lines of markup."""
    plan, found = state.created["evaluation"], rows(state, benchmark)
    which = f"{plan['split']} tasks" + (f", {plan['repeats']} runs of each" if plan["repeats"] > 1 else "")
    rate = score(found)
    yield f"[bold]{safe(plan['agent'])}[/bold] on {safe(benchmark.name)}, {which}: [bold]{score_text(rate)}[/bold]"
    if plan.get("attempts", 1) > 1:
        later = sum(row.passed and row.evaluation.note == SECOND for row in found)
        yield f"  attempts   {later} of these passed only at the second one, with the tests' output at hand"
    by_own = official(found)
    if by_own is not None and by_own.passed != rate.passed:
        yield (
            f"  [yellow]the benchmark's own grader counts {by_own.passed}: the others passed a test that must fail, "
            "and count as tampering[/yellow]"
        )
    yield from _groups(found)
    yield from _failures(found)
    yield from _missing(state, benchmark, found)
    yield f"  models     {usage_words(state.usage, state.prices)}"
    spent_s = sum(row.evaluation.wall_s for row in found)
    yield f"  time       {duration(state.elapsed_s)}; {spent_s:,.0f} s of evaluations, several at a time"
    for line in unsettled_lines(path, state):
        yield f"  [yellow]{safe(line)}[/yellow]"
    if plan.get("selected_on") == state.config.benchmark and plan["split"] != "sealed":
        yield (
            "[yellow]This agent was selected by a search on this benchmark: "
            "what it does on its search and select tasks must not be called unseen.[/yellow]"
        )
    for note in getattr(benchmark, "notes", ()):
        yield f"[yellow]{safe(note, 1000)}[/yellow]"
    if plan["split"] in ("sealed", "all"):
        yield "[yellow]Sealed tasks were opened outside any search: no search's journal counts this.[/yellow]"
    if is_builtin(state.config.backbones.solver) and plan["source"] == "agent":
        yield f"[yellow]{NOT_A_MODEL}[/yellow]"
    yield f"[dim]kept as {safe(shown_name(path))}: hgm runs show {safe(shown_name(path))}[/dim]"
    if ending and not is_finished(state):
        yield f"[yellow]stopped: {ending}; go on with hgm resume {safe(shown_name(path))}[/yellow]"


def _groups(found: Sequence[Row]) -> Iterator[str]:
    for group, values in by_group(found).items():
        yield f"  by {safe(group)}"
        for value, part in values.items():
            yield f"    {safe(value, 60):<40} {score_text(part)}"


def _failures(found: Sequence[Row]) -> Iterator[str]:
    if counted := causes(found):
        told = ", ".join(f"{count} {safe(cause or 'tests')}" for cause, count in counted.most_common())
        yield f"  failed     {told}"
    if notes := {row.evaluation.note for row in found if row.evaluation.note}:
        for note in sorted(notes):
            names = [row.name for row in found if row.evaluation.note == note]
            yield f"  [dim]note       {len(names)}: {safe(note, 200)}[/dim]"


def _missing(state: RunState, benchmark: Benchmark, found: Sequence[Row]) -> Iterator[str]:
    """What is in no rate, by name."""
    if missing := [row for row in found if not row.is_measured]:
        yield f"  [yellow]not measured, and counted nowhere: {len(missing)} (see `hgm doctor`)[/yellow]"
        for row in missing[:_NAMED]:
            yield f"    [yellow]{safe(row.name)}: {safe(one_line(row.evaluation.detail, 160))}[/yellow]"
        if len(missing) > _NAMED:
            yield f"    [yellow]and {len(missing) - _NAMED} more[/yellow]"
    if left := len(state.planned or ()) - len(found):
        yield f"  [yellow]not begun: {plural(left, 'evaluation')} of {len(state.planned or ())}[/yellow]"
    for name, reason in list(getattr(benchmark, "refused", {}).items())[:_NAMED]:
        yield f"  [yellow]left out: {safe(name)}: {safe(one_line(reason, 160))}[/yellow]"


def task_table(found: Sequence[Row]) -> Table:
    """One row per result."""
    drawn = Table("task", "outcome", "cause", "tokens", "seconds", "note", box=None, pad_edge=False)
    for row in found:
        item = row.evaluation
        drawn.add_row(
            safe(row.name),
            item.outcome.value,
            safe(item.cause),
            f"{item.usage.tokens.total:,}",
            f"{item.wall_s:.1f}",
            safe(one_line(item.note, 60)),
        )
    return drawn


def show_compared(before: str, after: str, runs_dir: Path, json_: Path | None) -> None:
    """Print what pairing two evaluations says.

    Raises:
        UsageError: one of them is none, or they cannot be paired.
    """
    found = compare(_told(before, runs_dir), _told(after, runs_dir))
    for line in compared_lines(found, before, after):
        out().print(line)
    if json_:
        write_json(asdict(found), json_)


def _told(which: str, runs_dir: Path) -> Mapping[str, Any]:
    """An evaluation's document, from a run or from a file."""
    if Path(which).is_file():
        try:
            return check_document(json.loads(Path(which).read_text()), which)
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"{which}: not an evaluation: {error}") from error
    state = read(find_run(which, runs_dir))
    plan_of(state.created)
    benchmark = benchmark_of(state.config)
    check_unchanged(state.created, benchmark)
    return document(state, benchmark)


def compared_lines(found: Compared, before: str, after: str) -> Iterator[str]:
    """What pairing two evaluations says, as lines of markup."""
    yield f"[bold]{safe(after)}[/bold] against {safe(before)}, on {plural(found.tasks, 'task')} that both measured"
    yield f"  {safe(before):<24} {score_text(found.before)}"
    yield f"  {safe(after):<24} {score_text(found.after)}"
    low, high = points(found.gain.low), points(found.gain.high)
    verdict = "no difference is shown" if found.gain.low <= 0 <= found.gain.high else "a difference is shown"
    yield f"  difference {points(found.gain.mean)} points (95 %: {low} to {high}, paired by task): {verdict}"
    if found.p is not None:
        yield f"  McNemar    {len(found.gains)} gained, {len(found.losses)} lost: p = {found.p:.3g}, exact, two-sided"
    else:
        changed = f"{len(found.gains)} gained, {len(found.losses)} lost"
        yield f"  changed    {changed}; McNemar's test needs one run of each task"
    for what, names in (("gained", found.gains), ("lost", found.losses)):
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            yield f"  {what:<10} {safe(', '.join(names[:_NAMED]), 2000)}{more}"
    if found.dropped:
        yield f"  [yellow]left out: {plural(found.dropped, 'task')} that one of both did not measure[/yellow]"
