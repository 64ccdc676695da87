"""A real lab (sandboxes, gateway, offline backbone) around agents of a few lines, for tests of what jobs do with it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evaluators.base import Case, Compared, Split, Task
from hgm.config import Backbones, SearchConfig
from hgm.gateway.client import Gateway, Settings
from hgm.jobs import EvaluateJob, ExpandJob
from hgm.lab import Lab
from hgm.run import Folder
from hgm.session import lab_for
from sandboxes.base import File, Files
from trees.archive import Archive

MANIFEST = """\
protocol = 1
name = "small"
command = ["python3", "-S", "-E", "-s", "/hgm/agent/main.py"]
relay = false
"""
MODEL = '''\
"""One question to the model behind the lease's socket."""
import http.client
import json
import os
import socket


def ask(text):
    connection = http.client.HTTPConnection("gateway")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(os.environ["HGM_SOCKET"])
    connection.request(
        "POST",
        "/v1/chat/completions",
        json.dumps({"messages": [{"role": "user", "content": text}]}),
        {"Authorization": "Bearer " + os.environ["HGM_TOKEN"], "Content-Type": "application/json"},
    )
    return connection.getresponse().read()
'''
STEPS = "scripted/steps"
QUICK = Settings(attempts=2, backoff_s=0.01)
SECRET = 24690
"""What the hidden case of the one task expects."""
SELF_TEST = 'import sys\nif "--self-test" in sys.argv:\n    sys.exit(0)\n'
ASKS = SELF_TEST + 'from model import ask\nask("hello")\n'


def agent(main: str = ASKS, *, manifest: str = MANIFEST, **files: str) -> Files:
    """An agent of `main.py` and `model.py`; further files by name (`__`, `_py` and `_md` for `/`, `.py` and `.md`)."""
    named = {name.replace("__", "/").replace("_py", ".py").replace("_md", ".md"): text for name, text in files.items()}
    texts = {"agent.toml": manifest, "main.py": main, "model.py": MODEL, **named}
    return {path.encode(): File(text.encode()) for path, text in texts.items()}


@contextmanager
def small_lab(place: Path, root: Files, *, sandbox: str = "bubblewrap", **config: Any) -> Iterator[Lab]:
    """A lab whose archive holds `root` as the seed agent."""
    folder = Folder(place)
    for made in (folder.path, folder.trajectories, folder.grading):
        made.mkdir()
    archive = Archive.create(folder.archive)
    archive.add_root(root)
    settings = SearchConfig(budget=1, **config)
    with lab_for(folder, settings, archive, root, sandbox=sandbox, progress=lambda job, stage: None) as lab:
        yield replace(lab, benchmark=OneTask())


def expansion(lab: Lab, number: int = 0, *, evidence: tuple[str, ...] = ()) -> ExpandJob:
    """An expansion of the seed agent."""
    return ExpandJob(id=f"x{number:05d}", node=0, commit=root_of(lab), evidence=evidence, seed=number)


def root_of(lab: Lab) -> str:
    """The seed agent's commit."""
    return lab.archive.best()


@dataclass(frozen=True)
class OneTask:
    """A benchmark of a single task, `double`, compared by value."""

    deadline_s: float = 20.0
    name: str = "one"

    def fingerprint(self) -> str:
        return "one"

    def tasks(self, split: Split) -> tuple[str, ...]:
        return ("t-double",) if split is Split.SEARCH else ()

    def task(self, task_id: str) -> Task:
        return Task(
            id=task_id,
            benchmark=self.name,
            split=Split.SEARCH,
            statement="`double` in answer.py should return twice its argument.",
            workspace={b"answer.py": File(b"def double(n):\n    return n + 2\n")},
            test_command=("python3", "-c", "import answer"),
            grading=Compared(module="answer.py", function="double", cases=(Case(args=(12345,), expected=SECRET),)),
            reference={b"answer.py": File(b"def double(n):\n    return 2 * n\n")},
            deadline_s=self.deadline_s,
        )


def evaluation(lab: Lab, number: int = 0) -> EvaluateJob:
    """An evaluation of the seed agent on the one task."""
    return EvaluateJob(
        id=f"e{number:05d}", node=0, commit=root_of(lab), split=Split.SEARCH, task="t-double", repeat=0, seed=number
    )


@contextmanager
def scripted(lab: Lab, folder: Path, steps: list[dict[str, Any]], *, settings: Settings = QUICK) -> Iterator[Lab]:
    """The same lab with a gateway of its own, whose one backbone answers in these steps."""
    (folder / "steps.json").write_text(json.dumps(steps))
    backbones = Backbones(editor=STEPS, solver=STEPS, diagnosis=STEPS, judge=STEPS)
    with Gateway(lab.scratch.folder("gs"), lab.trajectories, scripts=folder, settings=settings) as gateway:
        yield replace(lab, gateway=gateway, backbones=backbones)
