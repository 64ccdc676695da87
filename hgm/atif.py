"""Trajectories as ATIF-v1.8 documents (Agent Trajectory Interchange Format, Harbor's RFC 0001).

One document per evaluation: what the agent and its model said, as its last request held it, with calls and results in
the order in which they came. Trajectories hold no key; sealed tasks are not exported. What hidden tests print is in
them only where an agent was shown it: in second attempts.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from evaluators.base import Split
from hgm.conversation import ToolCall, Turn
from hgm.diagnose import conversation
from hgm.gateway.records import Usage
from hgm.run import Folder
from hgm.state import Evaluation, RunState
from hgm.trajectories import latest_lease
from trees.records import Outcome

SCHEMA = "ATIF-v1.8"
EXCEPTIONS: Mapping[str, str] = {
    "deadline": "AgentTimeoutError",
    "out-of-memory": "MemoryLimitExceededError",
    "crashed": "NonZeroAgentExitCodeError",
    "lost": "NonZeroAgentExitCodeError",
    "no-reward": "RewardFileNotFoundError",
    "ungradable": "VerifierTimeoutError",
    "host": "EnvironmentStartTimeoutError",
}
"""Cause -> what Harbor calls such an end; a failure without one ended by itself, and was graded."""


def exportable(state: RunState) -> list[Evaluation]:
    """The evaluations of which a document may be written."""
    return [item for item in state.evaluations if item.split is not Split.SEALED]


def has_trajectory(path: Path, item: Evaluation) -> bool:
    """Whether anybody worked on it: what was graded without an agent has none."""
    return _trajectory(path, item).is_file()


def _trajectory(path: Path, item: Evaluation) -> Path:
    return Folder(path).trajectories / f"{item.job}.jsonl.zst"


def document(state: RunState, item: Evaluation, path: Path) -> dict[str, Any]:
    """One evaluation of the run at `path`, as JSON values.

    Raises:
        GatewayError: its trajectory is missing or damaged.
    """
    agent = {"name": "hgm", "version": version("hgm-lab"), "model_name": state.config.backbones.solver}
    result: dict[str, Any] = {"outcome": item.outcome.value, "cause": item.cause}
    if item.outcome is not Outcome.UNMEASURED:
        result["reward"] = 1.0 if item.outcome is Outcome.PASSED else 0.0
    if exception := EXCEPTIONS.get(item.cause):
        result["exception_type"] = exception
    return {
        "schema_version": SCHEMA,
        "session_id": f"{path.name}:{item.node}",
        "trajectory_id": f"{path.name}:{item.job}",
        "agent": agent,
        "steps": _steps(conversation(latest_lease(_trajectory(path, item)))),
        "final_metrics": _metrics(item.usage),
        "extra": {"task": item.task, "split": item.split.value, "node": item.node, "repeat": item.repeat, **result},
    }


def _metrics(usage: Usage) -> dict[str, Any]:
    cached, written = usage.cache_read_tokens, usage.cache_write_tokens
    return {
        "total_prompt_tokens": usage.input_tokens + cached + written,
        "total_completion_tokens": usage.output_tokens,
        "total_cached_tokens": cached,
        "total_cost_usd": usage.usd,
    }


def _steps(said: Sequence[Turn]) -> list[dict[str, Any]]:
    """A result belongs to the oldest call that has none; one without a call is something that the user says."""
    steps: list[dict[str, Any]] = []
    waiting: list[tuple[dict[str, Any], str]] = []
    for turn in said or [Turn("system", "The agent asked no model.")]:
        if turn.role == "tool" and waiting:
            step, call = waiting.pop(0)
            observed = step.setdefault("observation", {"results": []})
            observed["results"].append({"source_call_id": call, "content": turn.text})
            continue
        step = {"step_id": len(steps) + 1, "source": _SOURCES.get(turn.role, "user"), "message": turn.text}
        if turn.calls and step["source"] == "agent":
            step["tool_calls"] = list(_calls(turn.calls, step["step_id"]))
            waiting += [(step, call["tool_call_id"]) for call in step["tool_calls"]]
        steps.append(step)
    return steps


_SOURCES = {"system": "system", "developer": "system", "assistant": "agent"}


def _calls(calls: Sequence[ToolCall], step: int) -> Iterator[dict[str, Any]]:
    for number, call in enumerate(calls, 1):
        yield {
            "tool_call_id": f"call-{step}-{number}",
            "function_name": call.name,
            "arguments": _arguments(call.arguments),
        }


def _arguments(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return {"text": text}
    return value if isinstance(value, dict) else {"value": value}
