"""Benchmarks as lines: their splits, one task, what validation and calibration found."""

from collections.abc import Iterator, Sequence

from evaluators.base import Benchmark, Compared, Split
from evaluators.registry import Check
from hgm.calibration import SENTINELS, Calibration, calibrate
from hgm.cli.terminal import one_line, percent, plural, safe
from hgm.measure import Measured
from trees.records import Outcome

SAYS = {
    Split.DEV: "for developing the lab, never part of a run",
    Split.SEARCH: "decide and give evidence",
    Split.SELECT: "confirm the winner",
    Split.SEALED: "opened once per run, by the controller alone",
}
_NAMED = 20


def benchmark_lines(benchmark: Benchmark) -> Iterator[str]:
    """Name, fingerprint and splits."""
    yield f"[bold]{safe(benchmark.name)}[/bold]  fingerprint {safe(benchmark.fingerprint())}"
    for split in Split:
        yield f"  {len(benchmark.tasks(split)):>5} {split:<7} [dim]{SAYS[split]}[/dim]"
    for split in (Split.DEV, Split.SEARCH):
        if names := benchmark.tasks(split)[:5]:
            yield f"  {split}: {safe(', '.join(names))}, …"


def task_lines(benchmark: Benchmark, name: str) -> Iterator[str]:
    """What an agent is told about a task, and how it is graded; nothing hidden."""
    task = benchmark.task(name)
    kind = "compared: the host compares values" if isinstance(task.grading, Compared) else "suite: hidden tests run"
    yield f"[bold]{safe(task.id)}[/bold]  {task.split}, graded as {kind}, {task.deadline_s:.0f} s"
    yield safe(task.statement, 20_000)
    files = ", ".join(path.decode(errors="backslashreplace") for path in sorted(task.workspace))
    yield f"[dim]files:[/dim] {safe(files)}"
    yield f"[dim]visible tests:[/dim] {safe(' '.join(task.test_command))}"


def calibration_of(done: Sequence[Measured], benchmark: Benchmark, *, agent: str, repeats: int) -> Calibration:
    """The calibration that evaluations make."""
    results: dict[str, list[bool | None]] = {}
    for item in done:
        outcome = item.result.outcome
        passed = None if outcome is Outcome.UNMEASURED else outcome is Outcome.PASSED
        results.setdefault(item.job.task, []).append(passed)
    return calibrate(
        results, benchmark=benchmark.name, fingerprint=benchmark.fingerprint(), agent=agent, repeats=repeats
    )


def calibration_lines(found: Calibration) -> Iterator[str]:
    """What a calibration says."""
    noise = found.noise
    yield (
        f"[bold]{safe(found.agent)}[/bold] on {noise.tasks} search tasks of {safe(found.benchmark)}, "
        f"{found.repeats} repeats each: {percent(noise.rate)}"
    )
    yield (
        f"  noise band: two runs of this same agent over these tasks differ by up to {100 * noise.band:.1f} points "
        "in 95 of 100 cases"
    )
    for what, tasks in (("always passed", found.always_passed), ("always failed", found.always_failed)):
        yield f"  {what}: {len(tasks)}" + (f": {_names(tasks)}" if tasks else "")
    if found.unmeasured:
        yield f"  [yellow]not measured: {len(found.unmeasured)}: {_names(found.unmeasured)}[/yellow]"
    yield f"  [dim]a search with this calibration keeps {percent(SENTINELS)} of both lists, as sentinels[/dim]"


def _names(tasks: Sequence[str]) -> str:
    more = f" and {len(tasks) - _NAMED} more" if len(tasks) > _NAMED else ""
    return safe(", ".join(tasks[:_NAMED])) + more


def check_line(check: Check) -> str:
    """What validation found of one task."""
    verdict = f"[red]{safe(check.problem)}[/red]" if check.problem else "[green]sound[/green]"
    note = f" ({safe(check.note)})" if check.note else ""
    return f"{safe(check.name or check.task)} ({check.split}): {verdict}{note}"


def checks_lines(checks: Sequence[Check], benchmark: Benchmark) -> Iterator[str]:
    """What validation found in all: by group, and what the benchmark itself leaves out."""
    for group in sorted({group for check in checks for group in check.groups} - {"version"}):
        values = sorted({check.groups[group] for check in checks if group in check.groups})
        counts = []
        for value in values:
            found = [check for check in checks if check.groups.get(group) == value]
            counts.append(f"{safe(value, 60)} {sum(not check.problem for check in found)}/{len(found)}")
        yield f"sound by {safe(group)}: {', '.join(counts)}"
    for name, reason in getattr(benchmark, "refused", {}).items():
        yield f"[yellow]left out: {safe(name)}: {safe(reason, 200)}[/yellow]"
    bad = sum(bool(check.problem) for check in checks)
    yield f"[bold]{plural(len(checks), 'task')}, {bad} of them not sound[/bold]"


def quarantined(checks: Sequence[Check]) -> str:
    """A list of what is not sound, as `--quarantine FILE` of a run takes it."""
    lines = ["# Tasks that a validation found not sound: hgm evaluate --quarantine FILE, hgm search --quarantine FILE"]
    lines += [f"{check.task}  # {check.name} {one_line(check.problem, 120)}" for check in checks if check.problem]
    return "\n".join([*lines, ""])
