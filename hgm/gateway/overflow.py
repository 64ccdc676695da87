"""Whether a provider turned a request down because it was longer than the model's context."""

from collections.abc import Mapping

from hgm.gateway.records import Json

KINDS = frozenset({"context_length_exceeded", "exceed_context_size_error"})
"""As `code` or `type` of the error: OpenAI and those who copy it, llama.cpp."""
WORDS = (
    "prompt is too long",
    "exceed context limit",
    "maximum context length",
    "exceeds the context window",
    "exceeds the available context size",
    "longer than the model's context length",
    "exceeds the model's maximum context",
)
"""In the message of the error, in small letters: Anthropic (two), vLLM and OpenAI, OpenAI, llama.cpp, SGLang (two)."""


def overflow(status: int, body: Json) -> bool:
    """Whether this answer says so. `body` is what came, as JSON or as text."""
    if not 400 <= status < 500:
        return False
    if isinstance(body, str):
        return _says(body)
    error = body.get("error", body) if isinstance(body, Mapping) else None
    if isinstance(error, str):
        return _says(error)
    if not isinstance(error, Mapping):
        return False
    named = any(isinstance(error.get(key), str) and error[key] in KINDS for key in ("code", "type"))
    return named or (isinstance(error.get("message"), str) and _says(error["message"]))


def _says(message: str) -> bool:
    message = message.lower()
    return any(words in message for words in WORDS)
