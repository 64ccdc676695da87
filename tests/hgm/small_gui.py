"""GUI agents of a few lines: what they import to observe and act, and what their manifest says."""

from hgm.contract import MANIFEST as _NAME
from sandboxes.base import File, Files
from tests.hgm.small_lab import MANIFEST, SELF_TEST, agent

PAGE = '''\
"""The page behind the lease's socket."""
import http.client
import json
import os
import socket


def send(what, body):
    connection = http.client.HTTPConnection("gateway")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(os.environ["HGM_SOCKET"])
    headers = {"Authorization": "Bearer " + os.environ["HGM_TOKEN"], "Content-Type": "application/json"}
    connection.request("POST", "/env/" + what, json.dumps(body), headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def observe(**body):
    return send("observe", body)


def click(bid, **body):
    return send("step", {"action": {"name": "click", "bid": bid}, **body})
'''
USES = SELF_TEST + "from page import click, observe, send\n"


def gui_agent(main: str, *, manifest: str = MANIFEST) -> Files:
    """An agent whose `main.py` has `observe`, `click` and `send`."""
    return {**agent(USES + main), b"page.py": File(PAGE.encode()), _NAME: File(manifest.encode())}
