"""A run to look at, whose agents and models say hostile things."""

from dataclasses import replace
from pathlib import Path
from time import time

from hgm.jobs import ExpandJob, ExpansionResult, Job, Result
from hgm.run import Folder, read
from hgm.trajectories import append
from sandboxes.base import File
from tests.hgm.simulated import SEED_AGENT, go_on, make, work
from trees.records import Expansion

RUN = "</script><script>window.pwned=1</script>"
MARKUP = "<img src=x onerror=window.pwned=2><script>window.pwned=3</script>"
BRIEF = f"{MARKUP}\x1b[2J\x1b]0;title\x07 \u202ereversed\u202c </title></style>"
LONG = "x" * 3_000_000
PLAYED = 1
"""The evaluation whose agent also had a page."""
PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def hostile(job: Job, slot: int) -> Result:
    """As `work`; what agents write is against whoever looks at it."""
    if isinstance(job, ExpandJob) and job.seed % 3 == 0:
        reason = f"contract: {MARKUP}\x1b[2J"
        return ExpansionResult(job=job.id, kind=Expansion.REJECTED, reason=reason, files=SEED_AGENT)
    found = work(job, slot)
    if isinstance(job, ExpandJob) and isinstance(found, ExpansionResult) and found.kind is Expansion.CHILD:
        code = f'"""{MARKUP}\x1b[31m"""\n\n\ndef solve(task):\n    return {job.seed}\n'
        return replace(found, brief=BRIEF, files={**SEED_AGENT, b"main.py": File(code.encode())})
    return found


def run(folder: Path, name: str = RUN.replace("/", "_"), *, budget: int = 40, stop_after: int | None = None) -> Path:
    """A run with a trajectory of every evaluation."""
    path = make(folder / name, budget=budget)
    go_on(path, stop_after=stop_after, by=hostile)
    say(path)
    return path


def say(path: Path) -> None:
    """Write down what agents and their models said, where that is missing."""
    for number, item in enumerate(read(path).evaluations):
        file = Folder(path).trajectories / f"{item.job}.jsonl.zst"
        if not file.exists():
            _talk(file, LONG if number == 0 else MARKUP)
            if number == PLAYED:
                _play(file)


def wait_for_a_rate_limit(path: Path, job: str) -> None:
    """Write down what a gateway does while a provider lets nobody ask."""
    file = Folder(path).trajectories / f"{job}.jsonl.zst"
    why = f"{MARKUP}: HTTP 429, trying again in 30 s"
    append(file, {"event": "lease opened"})
    append(file, {"event": "call started", "role": "solver", "index": 0})
    append(file, {"event": "waits", "why": why, "rate_limited": True, "since": time() - 3})


def _talk(file: Path, said: str) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "run", "arguments": '{"command": "ls </script>"}'}}
    messages = [
        {"role": "system", "content": "You solve tasks."},
        {"role": "user", "content": BRIEF},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": said},
    ]
    request = {"messages": messages}
    answer = {"choices": [{"message": {"role": "assistant", "content": "I am done."}}]}
    common = {"role": "solver", "index": 0}
    append(file, {"event": "lease opened"})
    append(file, {"event": "call started", **common, "dialect": "openai_chat_completions", "request": request})
    append(file, {"event": "call settled", **common, "response": answer})


def _play(file: Path) -> None:
    """A click that is shown, one that is refused, and pictures that are none."""
    pictures = (PIXEL, f'{PIXEL}" onerror="window.pwned=4', "data:image/svg+xml,<svg onload='window.pwned=5'/>", "")
    for index, url in enumerate(pictures):
        observation = {
            "text": MARKUP,
            "error": BRIEF if index == 1 else "",
            "step": index,
            "done": index == len(pictures) - 1,
        }
        action = {"name": "click", "bid": MARKUP}
        append(file, {"event": "env asked", "index": index, "what": "step", "screenshot": True, "action": action})
        append(file, {"event": "env answered", "index": index, "status": 200, "observation": observation})
        append(file, {"event": "env screenshot", "index": index, "url": url})
