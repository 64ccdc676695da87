"""A real lab (sandboxes, gateway, offline backbone) around agents of a few lines, for tests of what jobs do with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hgm.config import SearchConfig
from hgm.jobs import ExpandJob
from hgm.lab import Lab
from hgm.run import Folder
from hgm.session import lab_for
from sandboxes.base import File, Files
from sandboxes.choose import choose
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
SELF_TEST = 'import sys\nif "--self-test" in sys.argv:\n    sys.exit(0)\n'
ASKS = SELF_TEST + 'from model import ask\nask("hello")\n'


def agent(main: str = ASKS, *, manifest: str = MANIFEST, **files: str) -> Files:
    """An agent of `main.py` and `model.py`; further files by name (`__` and `_py` written for `/` and `.py`)."""
    named = {name.replace("__", "/").replace("_py", ".py"): text for name, text in files.items()}
    texts = {"agent.toml": manifest, "main.py": main, "model.py": MODEL, **named}
    return {path.encode(): File(text.encode()) for path, text in texts.items()}


@contextmanager
def small_lab(place: Path, root: Files, **config: Any) -> Iterator[Lab]:
    """A lab whose archive holds `root` as the seed agent."""
    folder = Folder(place)
    for made in (folder.path, folder.trajectories, folder.grading):
        made.mkdir()
    archive = Archive.create(folder.archive)
    archive.add_root(root)
    settings = SearchConfig(budget=1, **config)
    sandbox = choose("auto").name
    with lab_for(folder, settings, archive, root, sandbox=sandbox, progress=lambda job, stage: None) as lab:
        yield lab


def expansion(lab: Lab, number: int = 0, *, evidence: tuple[str, ...] = ()) -> ExpandJob:
    """An expansion of the seed agent."""
    return ExpandJob(id=f"x{number:05d}", node=0, commit=root_of(lab), evidence=evidence, seed=number)


def root_of(lab: Lab) -> str:
    """The seed agent's commit."""
    return lab.archive.best()
