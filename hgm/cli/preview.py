"""What `hgm search` says before it spends anything."""

from collections.abc import Iterator

from hgm.cli.terminal import plural, safe, shown_name
from hgm.config import BUILTIN, Backbones, SearchConfig
from hgm.controller import Prepared
from trees.policies import make_policy
from trees.policies.schedule import Scheduled

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
    yield (
        f"  budget     {plural(config.budget, 'evaluation')}: roughly {expansions(config)} expansions with policy "
        + safe(config.policy.name)
    )
    yield f"             on top: {_on_top(config, len(created['select_tasks']), len(created['sealed_tasks']))}"
    if config.placebo:
        yield "  [yellow]placebo    every child differs by one comment: any gain is chance and selection[/yellow]"
    if config.budget < 2 * config.minimum_evaluations:
        yield (
            f"  [yellow]note       with {plural(config.budget, 'evaluation')} hardly any agent gets the "
            f"{config.minimum_evaluations} that make a best-belief agent: a look at the machinery, no search[/yellow]"
        )
    yield ""


def expansions(config: SearchConfig) -> int:
    """Roughly how many expansions a budget buys: the tree grows as evaluations^alpha once the root had its share."""
    policy = make_policy(config.policy.name, **config.policy.options)
    if not isinstance(policy, Scheduled) or config.budget <= policy.root_evaluations:
        return 0
    return max(policy.initial_expansions, int((config.budget - 1) ** policy.alpha))


def uses_builtin(backbones: Backbones) -> bool:
    """Whether a role is played by the rule-based program."""
    return BUILTIN in backbones.model_dump().values()


def _editor(config: SearchConfig) -> str:
    if config.placebo:
        return "a placebo that changes a comment"
    return "itself" if config.editor == "self" else safe(config.editor)


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
