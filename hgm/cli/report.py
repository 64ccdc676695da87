"""What a search says at its end: the winner, what proves it, what it changed, and what to type next."""

from collections.abc import Iterator
from pathlib import Path
from shlex import join

from rich.console import Console
from rich.text import Text

from evaluators.base import Split
from hgm.agents_by_name import best_node
from hgm.baseline import newest_placebo
from hgm.budget import Budget
from hgm.cli.costs import ended_by, evaluations, spent, unsettled_lines, usage_words
from hgm.cli.options import RUNS_DIR
from hgm.cli.preview import NOT_A_MODEL, uses_builtin
from hgm.cli.terminal import percent, plural, points, safe, shown_name, untrusted
from hgm.config import FIXED, PLACEBO, RANDOM, SearchConfig
from hgm.loop import Ending
from hgm.plan import Lead, is_finished, select_lead
from hgm.run import Folder
from hgm.state import RunState
from hgm.summary import (
    Comparison,
    Score,
    comparison,
    lineage,
    rejections,
    score,
    sealed_evaluations,
    sealed_openings,
    spend,
)
from trees.archive import Archive
from trees.records import ROOT

_EDITORS = {
    PLACEBO: "This was a placebo: its editor only changed comments. Any gain is chance and selection.",
    RANDOM: "These were random edits, without any model: a gain is what chance and selection find.",
    FIXED: "The first agent made every child: what a search gains by better editors is not in this one.",
}
DIFF_CHARS = 6_000
DIFF_LINES = 80
STYLES = {"+": "green", "-": "red", "@": "cyan"}


def report(console: Console, path: Path, state: RunState, ending: Ending) -> None:
    """Print the result of a run that has ended, or what there is of it."""
    for line in result_lines(path, state, ending):
        console.print(line)
    winner = best_node(state)
    if winner != ROOT:
        console.print(f"\n[bold]What agent {winner} changed about the seed agent[/bold] (written by an agent)")
        archive = Archive.open(Folder(path).archive)
        patch = archive.diff(state.nodes[ROOT].commit, state.nodes[winner].commit)
        console.print(diff_text(patch, lines=DIFF_LINES, characters=DIFF_CHARS))
    console.print("\n[bold]Next[/bold]")
    for command, why in _next(path, state, ending):
        console.print(f"  {safe(command)}   [dim]{why}[/dim]")


def result_lines(path: Path, state: RunState, ending: Ending) -> Iterator[str]:
    """The result, as lines of markup."""
    yield f"[bold]Run {safe(shown_name(path))}[/bold] " + (f"stopped: {ending}" if ending else "finished")
    yield from _winner(state)
    yield from _sealed(path, state)
    yield from _cost(path, state)
    if replayed := state.created.get("replay"):
        told = safe(shown_name(Path(replayed)))
        yield f"  [yellow]replayed from {told}: no model was asked, and all that was spent was spent then[/yellow]"
    if state.config.editor in _EDITORS:
        yield f"[yellow]{_EDITORS[state.config.editor]}[/yellow]"
    if uses_builtin(state.config.backbones):
        yield f"[yellow]{NOT_A_MODEL}[/yellow]"


def score_text(found: Score) -> str:
    """`62 % of 40 (95 %: 46 % to 76 %)`."""
    if not found.measured:
        return "not measured"
    low, high = found.interval
    return f"{percent(found.share)} of {found.measured} (95 %: {percent(low)} to {percent(high)})"


def diff_text(patch: bytes, *, lines: int, characters: int) -> Text:
    """A patch for the terminal, escaped, bounded and coloured line by line."""
    text = patch.decode(errors="backslashreplace")
    kept = text.splitlines()[:lines]
    shown = Text()
    for line in untrusted("\n".join(kept), characters).plain.split("\n"):
        shown.append(f"{line}\n", style=STYLES.get(line[:1], ""))
    left = len(text.splitlines()) - len(kept)
    if left > 0:
        shown.append(f"… {left} more lines: see them with `hgm tree diff`\n", style="dim")
    return shown


def _winner(state: RunState) -> Iterator[str]:
    node = best_node(state)
    how = "" if state.winner is not None else ", the best-belief agent so far"
    path = " > ".join(map(str, lineage(state, node)))
    yield f"  winner     [bold]agent {node}[/bold]{how} (line of descent: {path})"
    yield f"  search     {score_text(score(state, node, Split.SEARCH))}; the seed agent {_short(state, Split.SEARCH)}"
    if state.candidates is not None and state.select_tasks:
        others = [item for item in state.candidates if item not in (node, ROOT)]
        rivals = "".join(f"; agent {item} {rate(score(state, item, Split.SELECT))}" for item in others)
        yield (
            f"  select     {score_text(score(state, node, Split.SELECT))}; "
            f"the seed agent {_short(state, Split.SELECT)}{rivals}"
        )
    if state.winner is not None and state.candidates and state.candidates[0] != node:
        yield f"             agent {state.candidates[0]} led on the search tasks, and did not when it was confirmed"
    lead = _lead(state)
    if lead:
        gain, verdict = points(lead.gain), "more than" if lead.is_accepted else "no more than"
        yield f"             the largest gain was {gain} points, {verdict} the noise of {100 * lead.band:.1f}"
    if state.winner == ROOT and not (lead and lead.gain > 0):
        yield "  [bold]The winner is the seed agent: no child did better when it was confirmed.[/bold]"
    elif state.winner == ROOT:
        yield "  [bold]The winner is the seed agent: what a child gained may be chance.[/bold]"


def _lead(state: RunState) -> Lead | None:
    """The confirmed gain that came nearest to being more than noise, in a run that asks for that."""
    leads = [lead for node in state.candidates or () if (lead := select_lead(state, node))]
    return max(leads, key=lambda lead: lead.gain - lead.band, default=None) if state.winner is not None else None


def _sealed(path: Path, state: RunState) -> Iterator[str]:
    compared = comparison(state)
    if compared:
        yield from _compared(compared)
        if state.config.editor != PLACEBO:
            yield _placebo(path, state)
    elif state.winner is not None:
        yield f"  sealed     {_without_gain(state)}"
    if sealed_openings(state):
        times = plural(sealed_openings(state), "time")
        yield f"             sealed tasks were opened {times} in this run and those it was forked from"


def _placebo(path: Path, state: RunState) -> str:
    """What chance and selection come to, beside a gain."""
    found = newest_placebo(path, state)
    if found is None:
        command = safe(f"hgm search {_placebo_flags(path, state)}")
        return f"  placebo    no finished one of this benchmark, agent and budget to compare with: {command}"
    if found.sealed:
        low, high = points(found.sealed.gain.low), points(found.sealed.gain.high)
        sealed = f"{points(found.sealed.gain.mean)} points (95 %: {low} to {high})"
    else:
        sealed = "no gain to claim"
    return (
        f"  placebo    {sealed}, and {points(found.search)} on the search tasks, by chance and selection alone "
        f"(run {safe(shown_name(found.run))})"
    )


def _placebo_flags(path: Path, state: RunState) -> str:
    """The flags that make a placebo of this run's benchmark, agent and budget, beside it."""
    config, usual = state.config, SearchConfig(budget=Budget(evaluations=1))
    flags = ["--editor", PLACEBO, "--budget", str(state.budget)]
    for name in ("benchmark", "data", "agent", "calibration"):
        if (value := getattr(config, name)) != getattr(usual, name):
            flags += [f"--{name}", str(value)]
    if path.parent != RUNS_DIR:
        flags += ["--runs-dir", str(path.parent)]
    return join(flags)


def _without_gain(state: RunState) -> str:
    """Why there is a winner and no gain."""
    if state.sealed_tasks is None:
        return "not opened: no gain is claimed"
    if not is_finished(state):
        done = spend(state).sealed
        return (
            f"opened, and {done} of {sealed_evaluations(state)} evaluations measured: no gain is claimed before the end"
        )
    if state.winner == ROOT:
        found, tasks = rate(score(state, ROOT, Split.SEALED)), plural(len(state.sealed_tasks), "task")
        return f"the seed agent: {found} evaluations of {tasks}; no gain to claim"
    return "no task could be measured for both agents: no gain is claimed"


def _compared(found: Comparison) -> Iterator[str]:
    yield (
        f"  sealed     winner {percent(found.winner)}, seed agent {percent(found.seed)}, on {found.tasks} tasks, "
        f"{found.repeats} repeats each"
    )
    low, high = points(found.gain.low), points(found.gain.high)
    verdict = "a gain" if found.gain.low > 0 else "a loss" if found.gain.high < 0 else "no gain shown"
    yield f"  gain       [bold]{points(found.gain.mean)} points[/bold] (95 %: {low} to {high}): {verdict}"
    if found.smallest < 1:
        yield f"             the smallest gain this sample would have shown: {100 * found.smallest:.1f} points"
    else:
        yield "             a sample this small would have shown no gain, however large: see --sealed-tasks"
    yield f"  tokens     {found.winner_tokens:,.0f} per task for the winner, {found.seed_tokens:,.0f} for the seed"
    if found.unmeasured:
        given_up = plural(found.unmeasured, "sealed evaluation")
        yield f"  [yellow]not measured, and counted nowhere: {given_up}[/yellow]"


def _cost(path: Path, state: RunState) -> Iterator[str]:
    used = spend(state)
    charged = f"; {state.tree.charged} charged for more effort" if state.tree.charged else ""
    yield f"  spent      {spent(state)}; {evaluations(state.budget, used)}; {used.unmeasured} unmeasured{charged}"
    yield f"  models     {usage_words(used.usage, state.prices)}"
    yield from ended_by(state)
    for line in unsettled_lines(path, state):
        yield f"  [yellow]{safe(line)}[/yellow]"
    refused = rejections(state)
    reasons = ", ".join(f"{count} {safe(reason)}" for reason, count in refused.most_common())
    yield f"  tree       {plural(len(state.nodes), 'agent')}; rejected: {reasons or 'none'}"


def _next(path: Path, state: RunState, ending: Ending) -> Iterator[tuple[str, str]]:
    name = shown_name(path)
    if ending:
        yield f"hgm resume {name}", "go on"
    yield f"hgm tree show {name}", "the tree with its scores"
    if best_node(state) != ROOT:
        yield f"hgm tree diff {name} best 0", "the whole diff"
        yield f"hgm tree best {name} --export my-agent", "take the agent home"
    yield f"hgm runs show {name}", "configuration, costs, rejections"


def _short(state: RunState, split: Split) -> str:
    return rate(score(state, ROOT, split))


def rate(found: Score) -> str:
    """`62 % of 40`."""
    return f"{percent(found.share)} of {found.measured}" if found.measured else "not measured"
