"""Whose fault is it? What an answer of a provider's other than 200 means: a table, for one attempt.

The host's fault is only what no agent can bring about. An agent chooses its messages and tools, and providers quote
them; the key, the model, the sampling and the limit on an answer's length are the lease's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from math import isfinite

from hgm.gateway.dialects.base import Dialect
from hgm.gateway.failures import Broken, NotFound, Rejected, Transient
from hgm.gateway.overflow import overflow
from hgm.gateway.records import Json
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings
from hgm.gateway.strict_json import parse

LIMITS = Settings()
HOSTS_FAULT = frozenset({401, 402})
FORBIDDEN = 403
"""The key may not, or a filter did not like the messages: the gateway's own probe finds out."""
PASSING = frozenset({408, 409, 425, 429})
"""4xx that say "later"."""
BILLED = frozenset({408, 504, 524})
"""Time-outs of something in between: the model may have answered."""
SPENT = frozenset({"insufficient_quota", "billing_error"})
"""As `code` or `type`: no waiting mends it."""
NO_CREDIT = ("Your credit balance is too low", "You have reached your specified API usage limits")
"""How a 400 of Anthropic's begins that means the account."""
IMPOSED = {
    "temperature": "temperature",
    "top_p": "top_p",
    "reasoning_effort": "reasoning_effort",
    "reasoning.effort": "reasoning_effort",
    "reasoning": "reasoning_effort",
    "output_config.effort": "reasoning_effort",
    "output_config": "reasoning_effort",
    "thinking": "thinking_tokens",
    "thinking.budget_tokens": "thinking_tokens",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "max_output_tokens": "max_output_tokens",
    "seed": "seed",
}
"""What a provider may not like of that which the lease imposed -> the setting behind it."""
_FIELD = re.compile(
    r"[`'\"]?([a-z_.]+)[`'\"]?(?::| is too large| and `top_p` cannot| may only| must be| is deprecated)"
)
"""How a message begins that is about one field, and names it in no other way."""
_CONTEXT = re.compile(
    r"(?:[`'\"]?max_[a-z_]+[`'\"]?(?: or [`'\"]?max_[a-z_]+[`'\"]?)? is too large: \d+\. )?"
    r"This model's maximum context length is (\d+)"
)
"""How one begins that tells the model's context. Further on, a message may quote the agent's words."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An answer other than 200."""

    status: int
    headers: Mapping[str, str]
    text: str

    @cached_property
    def body(self) -> Json:
        """As JSON; as text where it is none, or beyond the limits of requests."""
        try:
            return parse(self.text.encode(), LIMITS)
        except (Refusal, UnicodeEncodeError):
            return self.text

    @property
    def error(self) -> Mapping[str, Json]:
        """What the body says about the error, as the dialects do; empty where it says nothing so."""
        body = self.body
        error = body.get("error", body) if isinstance(body, Mapping) else None
        return error if isinstance(error, Mapping) else {}

    @property
    def message(self) -> str:
        """The provider's words, on one line."""
        message = self.error.get("message")
        words = message if isinstance(message, str) else self.text
        return " ".join(words.split())[:500]


def failure(answered: Answered, dialect: Dialect, request: Mapping[str, Json]) -> Exception:
    """What to raise for this answer to that request: Transient, Rejected or Broken."""
    status, said = answered.status, f"HTTP {answered.status}: {answered.message}"
    if 300 <= status < 400:
        return Broken(f"HTTP {status}: redirects are not followed, lest a key goes astray", hosts_fault=True)
    if status in HOSTS_FAULT or _is_spent(answered):
        return Broken(said, hosts_fault=True)
    if status == FORBIDDEN:
        return Broken(said)
    if status == 404:
        return NotFound(said, _rejected(answered, dialect))
    if status in PASSING or not 400 <= status < 500:
        retry_after_s = retry_after(answered.headers, datetime.now(UTC))
        return Transient(
            said, retry_after_s=retry_after_s, rate_limited=status == 429, charged=status in BILLED or status < 300
        )
    if setting := _imposed(answered, request):
        return Broken(f"{said} ({_advice(setting)})", hosts_fault=True)
    return _rejected(answered, dialect)


def retry_after(headers: Mapping[str, str], now: datetime) -> float:
    """The seconds that a provider asks for; 0 where it does not, or in words that mean nothing.

    A date counts from `now`, by our clock.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        return max(0.0, seconds) if isfinite(seconds) else 0.0
    try:
        then = parsedate_to_datetime(headers.get("retry-after", ""))
        return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds())
    except (ValueError, OverflowError):
        return 0.0


def _rejected(answered: Answered, dialect: Dialect) -> Rejected:
    status, body = answered.status, answered.body
    signs = ("context_overflow",) if overflow(status, body) else ()
    if isinstance(body, dict):
        return Rejected(status, body, signs=signs)
    refusal = Refusal(status, answered.text[:2000], code="invalid_request_error")
    return Rejected(status, dialect.error(refusal), signs=signs)


def _is_spent(answered: Answered) -> bool:
    error = answered.error
    if answered.status == 429:
        return any(isinstance(error.get(name), str) and error[name] in SPENT for name in ("code", "type"))
    return answered.status == 400 and answered.message.startswith(NO_CREDIT)


def _imposed(answered: Answered, request: Mapping[str, Json]) -> str:
    """The setting behind the field of the lease's that a provider refuses; empty where it is about something else."""
    error = answered.error
    limit = next((request[name] for name in IMPOSED if name.startswith("max_") and name in request), 0)
    context = _CONTEXT.match(answered.message)
    if context and int(context[1]) <= limit:
        return "max_output_tokens"  # no request fits beside such an answer
    if overflow(answered.status, answered.body):
        return ""
    found = _FIELD.match(answered.message)
    named = error.get("param") or (found[1] if found else "")
    if not isinstance(named, str) or named.partition(".")[0] not in request:
        return ""
    return IMPOSED.get(named, "")


def _advice(setting: str) -> str:
    if setting == "seed":
        return "the lab sends a seed: -o providers.NAME.seed=false for servers that take none"
    return f"the lab asks for this: see sampling.ROLE.{setting}"
