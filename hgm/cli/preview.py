"""What `hgm search` says before it spends anything."""

from collections.abc import Iterator
from pathlib import Path

from hgm import effort
from hgm.budget import JobLimit
from hgm.cli.costs import amount, price_lines
from hgm.cli.terminal import percent, plural, safe, shown_name
from hgm.config import BUILTIN, FIXED, PLACEBO, RANDOM, SELF, Backbones, SearchConfig, is_builtin
from hgm.controller import Prepared
from hgm.estimate import Range, expansions
from hgm.jobs import Mode
from hgm.meter import Unit
from hgm.modes import weights_of

_EDITORS = {
    SELF: "itself",
    FIXED: "the first agent, as it is now",
    RANDOM: "chance, without any model",
    PLACEBO: "a placebo that changes a comment",
}
NOT_A_MODEL = "builtin is a rule-based program, not a language model: its gains are no model's"


def preview(prepared: Prepared) -> Iterator[str]:
    """The plan of a search, as lines of markup."""
    config = prepared.config
    created = prepared.created
    yield f"[bold]New run {safe(shown_name(prepared.path))}[/bold]"
    yield f"  agent      {safe(config.agent)} ({safe(prepared.manifest.name)}), edited by {_editor(config)}"
    yield f"  benchmark  {safe(config.benchmark)}: {_tasks(created['search_tasks'], 'search')}, " + ", ".join(
        (_tasks(created["select_tasks"], "select"), _tasks(created["sealed_tasks"], "sealed"))
    )
    yield f"  backbone   {safe(_models(config.backbones))}"
    if uses_builtin(config.backbones):
        yield f"             [yellow]{NOT_A_MODEL}[/yellow]"
    yield f"  sandbox    {created['sandbox']}, {plural(config.workers, 'worker')}, seed {config.seed}"
    if config.edits_by == "agent" and not all(map(is_builtin, (config.backbones.editor, config.backbones.diagnosis))):
        yield f"  evidence   {_evidence(config)}"
    yield from _budget(prepared)
    if replayed := created.get("replay"):
        yield f"  replays    {safe(shown_name(Path(replayed)))}: no model is asked, and nothing is spent"
    if recorded := created.get("record"):
        yield f"  records    what models say, in {safe(shown_name(Path(recorded)))}"
    if config.edits_by == "placebo":
        yield "  [yellow]placebo    every child differs by one comment: any gain is chance and selection[/yellow]"
    most = int(prepared.estimate.evaluations.high)
    if most < 2 * config.minimum_evaluations:
        yield (
            f"  [yellow]note       with {plural(most, 'evaluation')} hardly any agent gets the "
            f"{config.minimum_evaluations} that make a best-belief agent: a look at the machinery, no search[/yellow]"
        )
    yield ""


def buys(prepared: Prepared) -> Iterator[str]:
    """What the budget buys, as lines of markup."""
    found = prepared.estimate
    yield f"[bold]What --budget {safe(prepared.config.budget)} buys[/bold]"
    yield f"  search     {_between(found.evaluations, 'evaluation')}, {_between(found.children, 'child', 'children')}"
    names = {"usd": "money", "tokens": "tokens", "seconds": "time"}
    for unit, range_ in found.takes.items():
        yield f"  {names[unit]:<10} {_amounts(unit, range_)}"
    if "usd" not in found.takes:
        yield "  money      unpriced: no price is known for every backbone"
    yield f"  based on   {safe(found.basis.words)}"
    yield from _cut_short(prepared)


def _cut_short(prepared: Prepared) -> Iterator[str]:
    """Where jobs of the usual size may not fit into what a job may use."""
    limit, usual = prepared.allowance.limit, prepared.estimate.basis
    for unit, most in _limits(limit):
        for what, costs in (("evaluation", usual.evaluation), ("expansion", usual.expansion)):
            if (range_ := costs.get(unit)) and range_.high > most:
                yield (
                    f"  [yellow]note       an {what} may take {amount(unit, range_.high)}, and a job gets "
                    f"{amount(unit, most)} here: see limits.{unit}[/yellow]"
                )


def _evidence(config: SearchConfig) -> str:
    """What expansions are shown, and what becomes of a child that only tries harder."""
    weights = weights_of(config)
    shares = (f"{mode} {percent(weights[mode] / sum(weights.values()))}" for mode in Mode if weights.get(mode))
    rules = {
        "note": "noted",
        "charge": f"charged {plural(config.expansion.charge_evaluations, 'evaluation')}",
        "reject": "refused",
    }
    return f"{', '.join(shares)}; a child that only tries harder is {rules[effort.rule(config)]} (docs/expansion.md)"


def _amounts(unit: Unit, range_: Range) -> str:
    low, high = amount(unit, range_.low), amount(unit, range_.high)
    if unit == "usd" and not range_.high:
        return "free"
    return high if low == high else f"{low} to {high}"


def _limits(limit: JobLimit) -> Iterator[tuple[Unit, float]]:
    if limit.tokens is not None:
        yield "tokens", limit.tokens
    if limit.usd is not None:
        yield "usd", limit.usd


def _between(range_: Range, word: str, words: str = "") -> str:
    low, high = int(range_.low), int(range_.high)
    many = words or f"{word}s"
    return f"{low} {word if low == 1 else many}" if low == high else f"{low} to {high} {many}"


def _budget(prepared: Prepared) -> Iterator[str]:
    config, created = prepared.config, prepared.created
    grown = f"with policy {safe(config.policy.name)}"
    on_top = _on_top(config, len(created["select_tasks"]), len(created["sealed_tasks"]))
    if not config.budget.covers_everything:
        evaluations = config.budget.evaluations or 0
        roughly = f"roughly {expansions(config, created, evaluations)} expansions {grown}"
        yield f"  budget     {plural(evaluations, 'evaluation')}: {roughly}"
        yield f"             on top: {on_top}"
        return
    found, limit = prepared.estimate, prepared.allowance.limit
    yield (
        f"  budget     {safe(config.budget)}: {_between(found.evaluations, 'evaluation')}, "
        f"{_between(found.children, 'child', 'children')} {grown}"
    )
    yield f"             by {safe(found.basis.words)}"
    yield f"             of it: {on_top}"
    limits = [amount(unit, most) for unit, most in _limits(limit)]
    if limits:
        yield f"             a job may use {' and '.join(limits)}: limits.tokens, limits.usd"
    if config.budget.usd is not None:
        for line in price_lines(prepared.allowance.prices):
            yield f"  price      {safe(line)}"


def uses_builtin(backbones: Backbones) -> bool:
    """Whether a role is played by the rule-based program."""
    return BUILTIN in backbones.model_dump().values()


def _editor(config: SearchConfig) -> str:
    return _EDITORS.get(config.editor) or safe(config.editor)


def _models(backbones: Backbones) -> str:
    roles = backbones.model_dump()
    if len(set(roles.values())) == 1:
        return str(roles["solver"])
    return ", ".join(f"{role} {model}" for role, model in roles.items())


def _tasks(tasks: list[str], split: str) -> str:
    return f"{len(tasks)} {split} {'task' if len(tasks) == 1 else 'tasks'}"


def _on_top(config: SearchConfig, select: int, sealed: int) -> str:
    agents = config.confirmation.candidates + 1
    parts = [f"up to {agents * select} evaluations to confirm the winner"] if select else []
    if sealed:
        parts.append(f"up to {2 * sealed * config.confirmation.sealed_repeats} sealed ones of winner and seed")
    return ", ".join(parts) or "nothing (no select and no sealed tasks: no gain will be claimed)"
