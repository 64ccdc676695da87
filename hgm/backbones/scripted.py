"""A backbone that answers from a script: for tests, demonstrations and checking what an agent really sends.

`python3 -I -S scripted.py --script FILE --socket PATH`. The script is a JSON list of steps, used up in order by all
callers together; when it runs out, every further call is an error. A step is an object with one of

    {"text": "..."}                           an answer in words
    {"tool_calls": [{"name": "...", "arguments": {...}}]}
    {"message": {...}}                        a whole assistant message
    {"echo": true}                            the request itself, as JSON text
    {"status": 500, "body": {...}, "retry_after": 1}
    {"hang": true}                            no answer until the caller goes away
    {"malformed": "..."}                      these bytes as the body of a 200
    {"break_after": 2, "text": "..."}         streamed: the connection ends after so many chunks

and, beside it, `"repeat": true` (answer with this step for ever) or `"usage": {"prompt_tokens": 1, ...}`. Standard
library only; holds no key; speaks the OpenAI Chat Completions wire format, streamed if asked.
"""

import argparse
import json
import threading
from http.server import BaseHTTPRequestHandler
from itertools import count
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any


class Script:
    """Steps, used up one by one from any thread."""

    def __init__(self, steps: list[dict[str, Any]]) -> None:
        self._steps = steps
        self._at = 0
        self._lock = threading.Lock()

    def next(self) -> dict[str, Any] | None:
        """The step to answer with; None when there is none left."""
        with self._lock:
            if self._at >= len(self._steps):
                return None
            step = self._steps[self._at]
            self._at += 0 if step.get("repeat") else 1
            return step


class Server(ThreadingMixIn, UnixStreamServer):
    """One thread per connection; they end with the process."""

    daemon_threads = True
    request_queue_size = 64
    script: Script


class Handler(BaseHTTPRequestHandler):
    """The two routes."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: Server

    def do_GET(self) -> None:
        """GET /health."""
        self._send(200, {"ok": True}) if self.path == "/health" else self._send(404, _error("no such path", "path"))

    def do_POST(self) -> None:
        """POST /v1/chat/completions."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            self._send(404, _error("no such path", "path"))
            return
        step = self.server.script.next()
        if step is None:
            self._send(400, _error("the script has run out of steps", "script_exhausted"))
        elif step.get("hang"):
            self.rfile.read(1)
            self.close_connection = True
        elif "malformed" in step:
            self._send_bytes(200, step["malformed"].encode())
        elif "status" in step:
            body = step.get("body", _error(f"scripted {step['status']}", "scripted"))
            self._send(step["status"], body, retry_after=step.get("retry_after"))
        elif request.get("stream"):
            self._stream(_completion(step, request), step)
        else:
            self._send(200, _completion(step, request))

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _send(self, status: int, body: object, *, retry_after: float | None = None) -> None:
        self._send_bytes(status, json.dumps(body).encode(), retry_after=retry_after)

    def _send_bytes(self, status: int, data: bytes, *, retry_after: float | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def _stream(self, answer: dict[str, Any], step: dict[str, Any]) -> None:
        """Word by word, each chunk sent at once, the usage in the last; the end of the connection ends the stream."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for number, chunk in enumerate(_chunks(answer)):
            if number == step.get("break_after"):
                return
            self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")


_ids = count()


def _completion(step: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": None, **_message(step, request)}
    words = sum(len(json.dumps(item).split()) for item in request["messages"])
    usage = {"prompt_tokens": words, "completion_tokens": len(json.dumps(message).split())}
    return {
        "id": f"scripted-{next(_ids)}",
        "object": "chat.completion",
        "created": 1,
        "model": request["model"],
        "choices": [
            {"index": 0, "message": message, "finish_reason": "tool_calls" if message.get("tool_calls") else "stop"}
        ],
        "usage": {**usage, "total_tokens": sum(usage.values()), **step.get("usage", {})},
    }


def _message(step: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    if "message" in step:
        return dict(step["message"])
    if "tool_calls" in step:
        return {"tool_calls": [_tool_call(at, call) for at, call in enumerate(step["tool_calls"])]}
    return {"content": json.dumps(request) if step.get("echo") else step["text"]}


def _tool_call(at: int, call: dict[str, Any]) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
    return {"id": f"call_{at}", "type": "function", "function": function}


def _chunks(answer: dict[str, Any]) -> list[dict[str, Any]]:
    head = {**answer, "object": "chat.completion.chunk"}
    usage = head.pop("usage")
    message = answer["choices"][0]["message"]
    deltas: list[dict[str, Any]] = [{"role": "assistant"}]
    deltas += [{"content": word} for word in (message["content"] or "").replace(" ", " \0").split("\0")]
    for at, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        deltas.append({"tool_calls": [{"index": at, **call, "function": {**function, "arguments": ""}}]})
        deltas.append({"tool_calls": [{"index": at, "function": {"arguments": function["arguments"]}}]})
    chunks = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    finish = answer["choices"][0]["finish_reason"]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    return [*chunks, {**head, "choices": [], "usage": usage}]


def _error(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--script", type=Path, required=True)
    parser.add_argument("--socket", required=True)
    arguments = parser.parse_args()
    script = Script(json.loads(arguments.script.read_text()))  # before anybody can connect
    with Server(arguments.socket, Handler) as server:
        server.script = script
        server.serve_forever()


if __name__ == "__main__":
    main()
