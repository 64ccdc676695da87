"""The host, seen from here: a model and a page, over one Unix socket."""

import http.client
import json
import socket
import time

RETRIES = 3  # how many times the model is asked again when it has trouble
PAUSE = 0.2  # seconds before that


class Client:
    """Asks the model, and sees and changes the page. The host decides which model answers, and what is on the page."""

    def __init__(self, path, token):
        self.path = path
        self.token = token
        self.connection = None

    def chat(self, messages, schemas):
        """The model's next message, as a dict with `content` or `tool_calls`."""
        body = json.dumps({"model": "default", "messages": messages, "tools": schemas})
        for retry in range(RETRIES + 1):
            if retry > 0:
                time.sleep(PAUSE)
            try:
                status, text = self.post("/v1/chat/completions", body)
            except (OSError, http.client.HTTPException) as error:
                self.connection = None
                status, text = 0, str(error)
            if status == 200:
                return json.loads(text)["choices"][0]["message"]
            if 400 <= status < 500 and status != 429:
                break
        raise RuntimeError("the model does not answer: %s %s" % (status, text[:500]))

    def observe(self):
        """What there is to see: a dict with `goal`, `text`, `error`, `done` and more."""
        return self.browse("/env/observe", {})

    def step(self, action):
        """Do one action; what there is to see after it."""
        return self.browse("/env/step", {"action": action})

    def browse(self, path, data):
        """Ask for the page. Never twice: what was asked for may have been done."""
        status, text = self.post(path, json.dumps(data))
        if status != 200:
            raise RuntimeError("there is no page: %s %s" % (status, text[:500]))
        return json.loads(text)

    def post(self, path, body):
        """Send one request over the open connection, or a new one: status and text of the answer."""
        if self.connection is None:
            self.connection = UnixConnection(self.path)
        headers = {"Content-Type": "application/json", "Authorization": "Bearer " + self.token}
        self.connection.request("POST", path, body.encode(), headers)
        response = self.connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")


class UnixConnection(http.client.HTTPConnection):
    """An HTTP connection over a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self.path)
