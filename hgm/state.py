"""What a run knows: replay of its journal, and nothing else. Reading never changes it; `apply` is the only way in."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, TypeAlias

from evaluators.base import Split
from hgm import effort, meter
from hgm.budget import job_limit
from hgm.budget import restored as restored_budget
from hgm.config import SearchConfig, is_builtin, restored
from hgm.errors import JournalError
from hgm.gateway.prices import FREE, Price, price_from_json
from hgm.gateway.records import Usage, UsageSum, usage_from_json
from hgm.jobs import EvaluateJob, Exhibit, ExpandJob, Finding, Job, Mode
from hgm.repeats import Repeats
from trees.journal import Event
from trees.records import ROOT, Expansion, Outcome
from trees.tree import Tree

GIVE_UP = 3
"""An evaluation that stayed unmeasured this many times is not tried again."""
_SPLITS: Mapping[str, Split] = {split.value: split for split in Split}
_OUTCOMES: Mapping[str, Outcome] = {outcome.value: outcome for outcome in Outcome}
"""Looked up, as asking the enumeration takes ten times as long."""


Slot: TypeAlias = tuple[Split, str, int]
"""A task of a split, and which run of it."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """An agent's place in the tree."""

    id: int
    parent: int | None
    commit: str
    tree: str
    job: str | None
    """The expansion that made it; None for the root."""
    brief: str = ""
    mode: Mode | None = None
    """What that expansion was shown; None for the root."""
    instead_of: Mode | None = None
    expects: tuple[str, ...] = ()
    """The failed tasks among what it was shown: what the change should improve."""
    notes: tuple[str, ...] = ()
    """What it does with more effort than its parent, or again."""


class Evaluation(NamedTuple):
    """A finished evaluation."""

    job: str
    node: int
    split: Split
    task: str
    repeat: int
    outcome: Outcome
    cause: str
    usage: Usage
    wall_s: float
    detail: str = ""
    official: bool | None = None
    note: str = ""
    """As in `EvaluationResult`."""


@dataclass(frozen=True, kw_only=True)
class FailedExpansion:
    """An expansion without a child."""

    job: str
    node: int
    kind: Expansion
    reason: str


@dataclass(frozen=True, kw_only=True)
class FinishedExpansion:
    """What an expansion took, whatever it ended as."""

    job: str
    kind: Expansion
    usage: Usage
    wall_s: float


class RunState:
    """The run at one moment."""

    def __init__(self, created: Event) -> None:
        if created.kind != "created":
            raise JournalError(f"the first event is {created.kind!r}, not 'created': this is not a run's journal")
        payload = created.payload
        self.created: Mapping[str, Any] = payload
        self.config = restored(payload["config"])
        self.search_tasks: tuple[str, ...] = tuple(payload["search_tasks"])
        self.budget = self.config.budget
        """With all that it was raised by."""
        self.prices = _prices(payload, self.config)
        """Backbone -> its price when the run began; None: nobody knows."""
        limits = self.config.limits
        self.job_limit = job_limit(self.budget, tokens=limits.tokens, usd=limits.usd, prices=[*self.prices.values()])
        self.planned = _planned(payload)
        """What an evaluation measures, in its order; None for a search."""
        self.repeats: int = payload.get("saturation", {}).get("repeats", 1)
        """How often every agent is evaluated on every search task: once, but for a table of agents."""
        self.tree = Tree(tasks=max(1, len(self.search_tasks)), budget=self.budget.evaluations)
        self.nodes = [
            Node(id=ROOT, parent=None, commit=payload["root"]["commit"], tree=payload["root"]["tree"], job=None)
        ]
        self.running: dict[str, Job] = {}
        self.jobs = 0
        """Jobs ever started; the next one's number."""
        self.evaluations: list[Evaluation] = []
        self.failed_expansions: list[FailedExpansion] = []
        self.expansions: list[FinishedExpansion] = []
        self.used = UsageSum()
        """By all finished jobs and by the gateway's own probes."""
        self.used_by_evaluations = UsageSum()
        """By the finished evaluations among them."""
        self.measured_evaluations, self.measured_expansions = meter.Tally(), meter.Tally()
        """Those of them that measured something."""
        self.evaluation_s = 0.0
        """How long those took, all in all."""
        self.longest_s = 0.0
        """How long the longest finished job took."""
        self.elapsed_s = 0.0
        """By the clock, from the first event of each session to its last."""
        self.settled_when_raised: dict[str, float] = {}
        """Unit -> what was settled when the budget was last raised."""
        self.kept_when_raised = 0
        """Evaluations that were measured then, and that nobody needs to pay again (`hgm.meter.kept`)."""
        self.ended_by: tuple[str, ...] = ()
        """The units of the budget that ended the search."""
        self.left_out = 0
        """Select and sealed evaluations that the budget was not expected to pay."""
        self.unmeasured_in_row = 0
        self.candidates: tuple[int, ...] | None = None
        self.select_tasks: tuple[str, ...] = ()
        self.winner: int | None = None
        self.sealed_tasks: tuple[str, ...] | None = None
        self.sealed_openings = 0
        self.last_event = created.seq
        self.last_at = created.at
        self._task_number = {task: number for number, task in enumerate(self.search_tasks)}
        self._unmeasured: Counter[tuple[int, str, int]] = Counter()
        self._repeats = Repeats(self.repeats)
        """By place: an agent's number times the search tasks, and the task's number."""
        self._failures: dict[str, int] = {}
        """Job -> its place among the evaluations."""

    @classmethod
    def replay(cls, events: Iterable[Event]) -> "RunState":
        """The state after all events.

        Raises:
            JournalError: they contradict each other.
        """
        iterator = iter(events)
        first = next(iterator, None)
        if first is None:
            raise JournalError("the journal is empty")
        state = cls(first)
        for event in iterator:
            state._take(event)
        state._weigh()
        return state

    def apply(self, event: Event) -> None:
        """Take one event in."""
        self._take(event)
        self._weigh()

    def _take(self, event: Event) -> None:
        seq, _, kind, payload, at = event
        handler = _HANDLERS.get(kind)
        if handler is None:
            raise JournalError(f"event {seq}: unknown kind {kind!r}")
        if at > self.last_at and kind != "opened":
            self.elapsed_s += at - self.last_at
        self.last_at = at
        handler(self, payload)
        self.last_event = seq

    def _weigh(self) -> None:
        """Tell the tree what is used; it need not know before somebody decides."""
        if self.budget.covers_everything:
            self.tree.use(meter.share(self))

    @property
    def usage(self) -> Usage:
        """What `used` comes to."""
        return self.used.usage

    @property
    def evaluation_usage(self) -> Usage:
        """What `used_by_evaluations` comes to."""
        return self.used_by_evaluations.usage

    @property
    def evaluations_left(self) -> int:
        """Of the search, where evaluations are limited: beside what is measured, running or charged."""
        if self.planned is not None:
            return (self.budget.evaluations or 0) - self.evaluations_used - len(self.running)
        return (self.budget.evaluations or 0) - self.tree.view().evaluations - self.tree.charged

    @property
    def evaluations_used(self) -> int:
        """Of the search: measured or charged."""
        if self.planned is not None:
            return sum(item.outcome is not Outcome.UNMEASURED for item in self.evaluations)
        view = self.tree.view()
        return int(view.successes.sum() + view.failures.sum()) + self.tree.charged

    @property
    def is_unpriced(self) -> bool:
        """Whether dollars limit this run, and a call's cost is not known: then nothing more is started."""
        return self.budget.usd is not None and self.usage.unpriced_calls > 0

    def task_number(self, task: str) -> int:
        """What evidence calls a search task, whose id may say what it is about."""
        return self._task_number[task]

    def expected(self, evidence: Iterable[str]) -> tuple[str, ...]:
        """The failed search tasks among these evaluations, in their order."""
        failed = sorted(self._failures[job] for job in evidence if job in self._failures)
        return tuple(dict.fromkeys(self.evaluations[number].task for number in failed))

    def on_split(self, node: int, split: Split) -> list[Evaluation]:
        """Measured evaluations of a node on one split, in the order in which they finished."""
        return [
            item
            for item in self.evaluations
            if item.node == node and item.split is split and item.outcome is not Outcome.UNMEASURED
        ]

    def open_slots(self, node: int, split: Split, tasks: Iterable[str], repeats: int) -> list[tuple[str, int]]:
        """(task, repeat) pairs that are neither measured, running nor given up."""
        taken = {
            (item.task, item.repeat)
            for item in self.evaluations
            if item.node == node and item.split is split and item.outcome is not Outcome.UNMEASURED
        }
        taken |= {
            (job.task, job.repeat)
            for job in self.running.values()
            if isinstance(job, EvaluateJob) and job.node == node and job.split is split
        }
        return [
            (task, repeat)
            for task in tasks
            for repeat in range(repeats)
            if (task, repeat) not in taken and self._unmeasured[node, task, repeat] < GIVE_UP
        ]

    def next_planned(self) -> Slot | None:
        """The first of an evaluation's slots that is neither measured, running nor given up."""
        taken = {(e.split, e.task, e.repeat) for e in self.evaluations if e.outcome is not Outcome.UNMEASURED}
        taken |= {(j.split, j.task, j.repeat) for j in self.running.values() if isinstance(j, EvaluateJob)}
        for slot in self.planned or ():
            if slot not in taken and self._unmeasured[ROOT, slot[1], slot[2]] < GIVE_UP:
                return slot
        return None

    def next_repeat(self) -> tuple[int, str, int] | None:
        """The first (node, search task, repeat) beyond the search's own that is neither measured, running nor given up.

        Repeat by repeat, so that what a budget cuts short is even.
        """
        found = self._repeats.first(len(self.nodes) * len(self.search_tasks))
        if found is None:
            return None
        repeat, place = found
        node, task = divmod(place, len(self.search_tasks))
        return node, self.search_tasks[task], repeat

    def essence(self) -> dict[str, object]:
        """What two runs must share to be equal: parents, git trees, decisions and outcomes."""
        return {
            "nodes": [(node.parent, node.tree) for node in self.nodes],
            "evaluations": [(e.job, e.node, e.split, e.task, e.repeat, e.outcome, e.cause) for e in self.evaluations],
            "failed_expansions": [(e.job, e.node, e.kind, e.reason.partition(":")[0]) for e in self.failed_expansions],
            "candidates": self.candidates,
            "winner": self.winner,
        }

    def _on_started(self, payload: Mapping[str, Any]) -> None:
        job = job_from(payload)
        if job.id in self.running:
            raise JournalError(f"job {job.id} was started twice")
        self.running[job.id] = job
        self.jobs += 1
        if isinstance(job, ExpandJob):
            self.tree.start_expansion(job.node)
        elif self._is_of_search(job):
            self.tree.start_evaluation(job.node, self._task_number[job.task])
        elif self._is_repeat(job):
            self._repeats.take(job.repeat, self._place(job))

    def _on_finished(self, payload: Mapping[str, Any]) -> None:
        job = self.running.pop(payload["job"], None)
        if job is None:
            return  # a late duplicate: the first report of a job stands
        usage = usage_from_json(payload["usage"])
        self.used.add(usage)
        self.longest_s = max(self.longest_s, payload["wall_s"])
        if isinstance(job, ExpandJob):
            self._expanded(job, payload, usage)
            self.tree.price_expansions(meter.expansion_cost(self))
        else:
            self._evaluated(job, payload, usage)

    def _is_of_search(self, job: EvaluateJob) -> bool:
        """Whether the policy decided it; repeats come when it has nothing more to decide."""
        return job.split is Split.SEARCH and self.planned is None and job.repeat == 0

    def _is_repeat(self, job: EvaluateJob) -> bool:
        return job.split is Split.SEARCH and job.repeat in self._repeats

    def _place(self, job: EvaluateJob) -> int:
        return job.node * len(self.search_tasks) + self._task_number[job.task]

    def _evaluated(self, job: EvaluateJob, payload: Mapping[str, Any], usage: Usage) -> None:
        self.used_by_evaluations.add(usage)
        self.evaluation_s += payload["wall_s"]
        outcome = _OUTCOMES[payload["outcome"]]
        unmeasured = outcome is Outcome.UNMEASURED
        self.unmeasured_in_row = self.unmeasured_in_row + 1 if unmeasured else 0
        give_up = unmeasured and self._is_given_up(job)
        if not unmeasured:
            self.measured_evaluations.add(usage)
        if outcome is Outcome.FAILED:
            self._failures[job.id] = len(self.evaluations)
        if self._is_of_search(job):
            self.tree.finish_evaluation(job.node, self._task_number[job.task], outcome, give_up=give_up)
        elif unmeasured and not give_up and self._is_repeat(job):
            self._repeats.give_back(job.repeat, self._place(job))
        self.evaluations.append(
            Evaluation(
                job=job.id,
                node=job.node,
                split=job.split,
                task=job.task,
                repeat=job.repeat,
                outcome=outcome,
                cause=payload["cause"],
                usage=usage,
                wall_s=payload["wall_s"],
                detail=payload.get("detail", ""),
                official=payload.get("official"),
                note=payload.get("note", ""),
            )
        )

    def _is_given_up(self, job: EvaluateJob) -> bool:
        """Whether this evaluation, unmeasured once more, is not tried again."""
        slot = (job.node, job.task, job.repeat)
        self._unmeasured[slot] += 1
        return self._unmeasured[slot] >= GIVE_UP

    def _expanded(self, job: ExpandJob, payload: Mapping[str, Any], usage: Usage) -> None:
        kind = Expansion(payload["kind"])
        self.unmeasured_in_row = self.unmeasured_in_row + 1 if kind is Expansion.UNMEASURED else 0
        self.expansions.append(FinishedExpansion(job=job.id, kind=kind, usage=usage, wall_s=payload["wall_s"]))
        if kind is not Expansion.UNMEASURED:
            self.measured_expansions.add(usage)
        child = self.tree.finish_expansion(job.node, kind)
        notes = tuple(payload.get("notes", ()))
        if notes and effort.rule(self.config) == "charge":
            self.tree.charge(self.config.expansion.charge_evaluations)
        if child is None:
            self.failed_expansions.append(
                FailedExpansion(job=job.id, node=job.node, kind=kind, reason=payload["reason"])
            )
            return
        self.nodes.append(
            Node(
                id=child,
                parent=job.node,
                commit=payload["commit"],
                tree=payload["tree"],
                job=job.id,
                brief=payload["brief"],
                mode=job.mode,
                instead_of=job.instead_of,
                expects=self.expected(job.evidence),
                notes=notes,
            )
        )

    def _on_confirming(self, payload: Mapping[str, Any]) -> None:
        self.candidates = tuple(payload["candidates"])
        self.select_tasks = tuple(payload["tasks"])
        self.ended_by = tuple(payload.get("ended_by", ()))
        self.left_out = payload.get("left_out", 0)

    def _on_winner(self, payload: Mapping[str, Any]) -> None:
        self.winner = payload["node"]

    def _on_sealed_opened(self, payload: Mapping[str, Any]) -> None:
        self.sealed_tasks = tuple(payload["tasks"])
        self.sealed_openings += 1
        self.left_out += payload.get("left_out", 0)

    def _on_opened(self, payload: Mapping[str, Any]) -> None:
        self.elapsed_s += payload["cut_off_s"]

    def _on_probed(self, payload: Mapping[str, Any]) -> None:
        self.used.add(usage_from_json(payload["usage"]))

    def _on_budget_raised(self, payload: Mapping[str, Any]) -> None:
        """A search that was over goes on; what was measured to confirm it stays measured."""
        self.budget = self.budget.raised(restored_budget(payload["by"]))
        if self.budget.evaluations is not None:
            self.tree.allow(self.budget.evaluations)
        self.settled_when_raised = {unit: meter.settled(self, unit) for unit in ("usd", "tokens", "seconds")}
        self.kept_when_raised = meter.kept(self)
        self.candidates, self.winner, self.sealed_tasks = None, None, None
        self.select_tasks, self.ended_by, self.left_out = (), (), 0

    def _on_stopped(self, payload: Mapping[str, Any]) -> None:
        self.unmeasured_in_row = 0


def _planned(created: Mapping[str, Any]) -> tuple[Slot, ...] | None:
    told = created.get("evaluation")
    if told is None:
        return None
    tasks = [(Split(split), task) for split, task in told["tasks"]]
    return tuple((split, task, repeat) for repeat in range(told["repeats"]) for split, task in tasks)


def _prices(created: Mapping[str, Any], config: SearchConfig) -> dict[str, Price | None]:
    """What event zero says; runs that are older than prices paid nothing for what runs here."""
    kept = created.get("prices")
    if kept is not None:
        return {backbone: price_from_json(price) for backbone, price in kept.items()}
    return {backbone: FREE if is_builtin(backbone) else None for backbone in config.backbones.model_dump().values()}


_HANDLERS: Mapping[str, Callable[[RunState, Mapping[str, Any]], None]] = {
    "started": RunState._on_started,
    "finished": RunState._on_finished,
    "confirming": RunState._on_confirming,
    "winner": RunState._on_winner,
    "sealed opened": RunState._on_sealed_opened,
    "opened": RunState._on_opened,
    "probed": RunState._on_probed,
    "budget raised": RunState._on_budget_raised,
    "stopped": RunState._on_stopped,
}
"""By the kinds of events, all but the first."""


def job_to_json(job: Job) -> dict[str, Any]:
    """As its "started" event tells it."""
    if isinstance(job, EvaluateJob):
        return {"type": "evaluate", **job._asdict()}
    return {"type": "expand", **asdict(job)}


def job_from(payload: Mapping[str, Any]) -> Job:
    """The inverse of `job_to_json`, for older journals as well."""
    if payload["type"] == "evaluate":
        return EvaluateJob(
            id=payload["id"],
            node=payload["node"],
            commit=payload["commit"],
            split=_SPLITS[payload["split"]],
            task=payload["task"],
            repeat=payload["repeat"],
            seed=payload["seed"],
        )
    fields = {name: value for name, value in payload.items() if name not in ("type", "drawn")}
    exhibits = {name: tuple(map(_exhibit, fields.get(name, ()))) for name in ("lineage", "others")}
    modes = {name: Mode(fields[name]) for name in ("mode", "instead_of") if fields.get(name)}
    return ExpandJob(**{**fields, **exhibits, **modes, "evidence": tuple(fields["evidence"])})


def _exhibit(payload: Mapping[str, Any]) -> Exhibit:
    return Exhibit(**{**payload, "findings": tuple(Finding(**finding) for finding in payload["findings"])})
