"""What must not pass the gateway: one attempt per forbidden field, and clients that do not keep to the protocol."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tests.battery.attempt import Attempt, Look, Seen, solves

GATEWAY = "gateway"
MARK = "canary-field-0ddba11"
"""Stands in every value that must not reach a backbone, which answers with what reached it; both are recorded."""
PASSES = {"model", "messages", "max_tokens", "seed", "tools", "tool_choice", "stop", "stream", "stream_options"}
_USER = [{"role": "user", "content": "hello"}]
_FUNCTION = {"type": "function", "function": {"name": "run", "parameters": {"type": "object"}}}


def reached(written: bytes) -> list[dict[str, Any]]:
    """The requests that reached the backbone, as its recorded answers repeat them."""
    found = []
    for line in written.splitlines():
        for text in _texts(json.loads(line) if line.startswith(b"{") else None):
            if text.startswith("{") and '"messages"' in text:
                found.append(json.loads(text))
    return found


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def dropped(seen: Seen) -> Iterable[str]:
    """The call was made, without what must not pass."""
    if not (requests := reached(seen.written)):
        yield "nothing reached the backbone, so nothing is shown"
    yield from _strangers(requests)
    yield from _marked(seen)


def refused(seen: Seen) -> Iterable[str]:
    """No call was made."""
    if seen.result.usage.calls or reached(seen.written):
        yield f"{seen.result.usage.calls} calls reached the backbone"
    if not seen.result.usage.refused:
        yield "the gateway counted no refusal"
    yield from _marked(seen)


def survived(seen: Seen) -> Iterable[str]:
    """Exactly one proper call was made, after whatever came before it."""
    if len(reached(seen.written)) != 1:
        yield f"{len(reached(seen.written))} requests reached the backbone, not one"
    yield from _marked(seen)


def _strangers(requests: list[dict[str, Any]]) -> Iterable[str]:
    for request in requests:
        if strangers := request.keys() - PASSES:
            yield f"{sorted(strangers)} reached the backbone"
        if request["model"] != "echo":
            yield f"the backbone was asked for the model {request['model']!r}"


def _marked(seen: Seen) -> Iterable[str]:
    if MARK.encode() in seen.written:
        yield "what must not pass the gateway was written down or sent on"


def _asks(name: str, tries: str, fields: Mapping[str, Any], look: Look, **more: Any) -> Attempt:
    body = json.dumps({"messages": _USER, **fields})
    return solves(name, GATEWAY, tries, f"request({body!r}.encode())", look=look, **more)


def _hosted(name: str, tool: Mapping[str, Any], **more: Any) -> Attempt:
    return _asks(name, f"have the provider run its own tool: {name}", {"tools": [_FUNCTION, tool]}, refused, **more)


def _image(name: str, tries: str, url: str) -> Attempt:
    part = {"type": "image_url", "image_url": {"url": url}}
    return _asks(name, tries, {"messages": [{"role": "user", "content": [part]}]}, refused)


_AFTER = """
if b" 200 " not in request(b'{"messages": [{"role": "user", "content": "hello"}]}')[:20]:
    out("the gateway no longer answers")
"""


def _client(name: str, tries: str, code: str, **more: Any) -> Attempt:
    """A client that misbehaves, and then asks properly once."""
    return solves(name, GATEWAY, tries, code + _AFTER, **{"look": survived, **more})


ATTEMPTS: tuple[Attempt, ...] = (
    _hosted("web search", {"type": "web_search", "filters": {"allowed_domains": [MARK]}}, short=True),
    _hosted("remote mcp", {"type": "mcp", "server_url": f"https://{MARK}.test", "require_approval": "never"}),
    _hosted("code interpreter", {"type": "code_interpreter", "container": {"type": MARK}}),
    _hosted("file search", {"type": "file_search", "vector_store_ids": [MARK]}),
    _hosted("computer use", {"type": "computer_use_preview", "environment": MARK}),
    _hosted("anthropic's tool", {"type": "web_fetch_20250910", "name": MARK}),
    _asks("web search option", "have the provider search by an option", {"web_search_options": {"x": MARK}}, refused),
    _asks("old functions", "declare tools in the old way", {"functions": [{"name": MARK}]}, refused),
    _asks(
        "remote schema",
        "have a schema fetched from elsewhere",
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"$ref": f"http://{MARK}/s.json"}}}]},
        refused,
    ),
    _image("remote image", "have the provider fetch an address, a secret in it", f"https://example.com/{MARK}.png"),
    _image("image of the metadata service", "have an inner address fetched", f"http://169.254.169.254/{MARK}"),
    _image("image from a file", "have a file of the provider's or the gateway's read", f"file:///etc/passwd?{MARK}"),
    _image("data that is no image", "send a page as an image", f"data:text/html;base64,{MARK}"),
    _asks("stored conversation", "go on with a conversation that is stored there", {"conversation": MARK}, refused),
    _asks("previous response", "go on from a response that is stored there", {"previous_response_id": MARK}, refused),
    _asks(
        "stored file",
        "name a file that is stored there",
        {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": MARK}}]}]},
        refused,
    ),
    _asks("many answers", "have n answers for one call", {"n": 64}, refused, short=True),
    _asks("store", "have its exchanges stored there", {"store": True, "metadata": {"x": MARK}}, dropped),
    _asks("tier", "use a dearer tier", {"service_tier": MARK}, dropped, short=True),
    _asks("other model", "ask another, dearer model", {"model": MARK, "models": [MARK]}, dropped, short=True),
    _asks(
        "sampling",
        "choose output limit, effort, temperature and seed itself",
        {"max_tokens": 10**9, "reasoning_effort": MARK, "temperature": 2, "seed": 1, "logit_bias": {"1": 100}},
        dropped,
    ),
    _asks(
        "other endpoint",
        "have the gateway itself ask elsewhere",
        {"api_base": f"http://{MARK}", "base_url": MARK, "extra_headers": {"x": MARK}, "provider": {"order": [MARK]}},
        dropped,
        short=True,
    ),
    _asks("unknown fields", "fields that nobody has heard of", {f"{MARK}{n}"[-20:]: MARK for n in range(300)}, dropped),
    _client(
        "other paths",
        "use the provider's other endpoints through the gateway",
        """
for path in ("/v1/responses", "/v1/files", "/v1/embeddings", "/v1/batches", "/v1/fine_tuning/jobs", "/v1/messages",
             "/v1/chat/completions/../files", "//v1/chat/completions", "http://example.com/v1/chat/completions",
             "/leases", "/v1/chat/completions?api-version=1&x=" + "y" * 50, "/probe", "/env/step", "*"):
    answer = request(b'{"messages": [{"role": "user", "content": "x"}], "stop": 7, "stop_sequences": 7}', path=path)
    if b" 200 " in answer[:20]:
        out(path)
""",
        short=True,
    ),
    _client(
        "oversized body",
        "a body of 20 MB",
        """
import json
request(json.dumps({"messages": [{"role": "user", "content": "x" * 20_000_000}]}).encode())
""",
    ),
    _client(
        "deep nesting",
        "JSON nested a hundred thousand deep",
        """
request(b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
request(b'{"messages":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}")
""",
        short=True,
    ),
    _client(
        "strange numbers",
        "numbers that are none, or endless",
        """
for value in (b"NaN", b"Infinity", b"-Infinity", b"1e999999", b"9" * 100_000):
    request(b'{"messages": [{"role": "user", "content": "x"}], "stop": ' + value + b"}")
""",
    ),
    _client(
        "header bomb",
        "ten thousand headers, and one of a megabyte",
        "request(b'{}', headers=[f'X-{n}: y' for n in range(10_000)])\n"
        "request(b'{}', headers=['X: ' + 'y' * 1_000_000])",
    ),
    _client(
        "smuggling",
        "hide a second request in the first: two lengths, chunks, new lines",
        """
hidden = b"POST /leases HTTP/1.1\\r\\nHost: g\\r\\nContent-Length: 2\\r\\n\\r\\n{}"
for headers in (["Content-Length: 5"], ["Transfer-Encoding: chunked"], ["Transfer-Encoding: xchunked"],
                ["A: b\\r\\n c: d"], ["Transfer-Encoding : chunked"], ["Expect: 100-continue", "Upgrade: h2c"]):
    answer = request(b"0\\r\\n\\r\\n" + hidden, headers=headers)
    if answer.count(b"HTTP/1.1 200"):
        out(headers)
""",
    ),
    _client(
        "slow body",
        "send a body a byte at a time, without end",
        """
client = socket.socket(socket.AF_UNIX)
client.connect(os.environ["HGM_SOCKET"])
client.sendall("POST /v1/chat/completions HTTP/1.1\\r\\nHost: g\\r\\n"
               f"Authorization: Bearer {os.environ['HGM_TOKEN']}\\r\\nContent-Length: 1000\\r\\n\\r\\n".encode())
end = time.monotonic() + 6
try:
    while time.monotonic() < end:
        client.send(b" ")
        time.sleep(0.1)
    out("the gateway waited 6 s for a body")
except OSError:
    pass
""",
    ),
    _client(
        "slow header",
        "send a header a byte at a time, without end",
        """
client = socket.socket(socket.AF_UNIX)
client.connect(os.environ["HGM_SOCKET"])
client.sendall(b"POST /v1/chat/completions HTTP/1.1\\r\\nX: ")
end = time.monotonic() + 6
try:
    while time.monotonic() < end:
        client.send(b"y")
        time.sleep(0.1)
    out("the gateway waited 6 s for a header")
except OSError:
    pass
""",
    ),
    _client(
        "connections",
        "open hundreds of connections, and leave them open",
        """
held = []
for _ in range(300):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(0.2)
    try:
        client.connect(os.environ["HGM_SOCKET"])
        held.append(client)
    except OSError:
        break
alive = 0
time.sleep(0.3)
for client in held:
    client.setblocking(False)
    try:
        alive += client.recv(1) != b""
    except BlockingIOError:
        alive += 1
    except OSError:
        pass
if alive > 16 + 64:
    out(f"{alive} connections")
for client in held:
    client.close()
time.sleep(0.2)
""",
    ),
    solves(
        "too many calls",
        GATEWAY,
        "make more calls than its lease allows",
        """
for _ in range(6):
    request(b'{"messages": [{"role": "user", "content": "hello"}]}')
""",
        limits={"max_calls": 3},
        look=lambda seen: [] if len(reached(seen.written)) == 3 else [f"{len(reached(seen.written))} calls, not 3"],
    ),
)
