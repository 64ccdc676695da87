"""Who answers `provider/model`: where each provider is, what it speaks, whose key it gets, and what it is spared."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from hgm.errors import ConfigError
from hgm.gateway.dialects.known import CHAT, MESSAGES, RESPONSES
from hgm.gateway.records import Json
from hgm.redaction import SHORTEST

ANTHROPIC_VERSION = b"2023-06-01"
_VERSION = re.compile(r"/v\d[^/]*(/|$)")


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One provider. Nothing in it is secret."""

    name: str
    base_url: str
    key: str
    """Name of the environment variable."""
    needs_key: bool
    dialects: tuple[str, ...]
    """Those that it may speak, the one to try first in front."""
    wire: str = "compatible"
    """openai, anthropic or compatible: what its requests must look like."""
    seed: bool = True

    @property
    def root(self) -> str:
        """What stands before the path of a dialect without its /v1. An address with a version in it has its own."""
        base = self.base_url.rstrip("/")
        return base if _VERSION.search(urlsplit(base).path) else f"{base}/v1"

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine: then no proxy is between."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return host == "localhost" or ip_address(host).is_loopback
        except ValueError:
            return False


KNOWN = {
    provider.name: provider
    for provider in (
        Provider(
            name="openai",
            base_url="https://api.openai.com",
            key="OPENAI_API_KEY",
            needs_key=True,
            dialects=(CHAT.name, RESPONSES.name),
            wire="openai",
        ),
        Provider(
            name="anthropic",
            base_url="https://api.anthropic.com",
            key="ANTHROPIC_API_KEY",
            needs_key=True,
            dialects=(MESSAGES.name,),
            wire="anthropic",
        ),
        Provider(
            name="local",
            base_url="http://127.0.0.1:8000",
            key="LOCAL_API_KEY",
            needs_key=False,
            dialects=(CHAT.name, RESPONSES.name, MESSAGES.name),
        ),
    )
}
OURS = frozenset({"builtin", "scripted"})
"""Names of what is no provider."""


def provider(name: str, *, base_url: str | None = None, key: str | None = None, seed: bool = True) -> Provider:
    """A provider by its name, with what the configuration says about it.

    Raises:
        ConfigError: it is none of those known, and nobody says where it is.
    """
    if name in OURS:
        raise ConfigError(f"providers.{name}: {name} runs here, nothing about it can be set")
    known = KNOWN.get(name)
    if known is None:
        if base_url is None:
            raise ConfigError(f"providers.{name}: say where it is: -o providers.{name}.base_url=https://…")
        variable = f"{name.upper().replace('-', '_')}_API_KEY"
        known = replace(KNOWN["local"], name=name, key=variable)
    return replace(
        known,
        base_url=base_url or known.base_url,
        key=key or known.key,
        needs_key=known.needs_key or key is not None,
        seed=seed,
    )


def provider_from_json(value: Mapping[str, Any]) -> Provider:
    """The inverse of `dataclasses.asdict`."""
    return Provider(**{**value, "dialects": tuple(value["dialects"])})


def headers(provider: Provider, key: str) -> dict[bytes, bytes]:
    """What every request to it carries.

    Raises:
        ConfigError: the key cannot be sent.
    """
    key = key.strip()
    if not key.isprintable():
        raise ConfigError(f"{provider.key} holds something that no key holds: a line break, or the like")
    if is_too_short(key):
        raise ConfigError(
            f"{provider.key} holds a key of fewer than {SHORTEST} characters, which cannot be told from ordinary text "
            "and kept out of what is written: give the server a longer one, or unset it if the server wants none"
        )
    if provider.wire == "anthropic":
        return {b"anthropic-version": ANTHROPIC_VERSION, b"x-api-key": key.encode()}
    return {b"authorization": b"Bearer " + key.encode()} if key else {}


def is_too_short(key: str) -> bool:
    """Whether there is a key that redaction would miss."""
    return 0 < len(key.strip()) < SHORTEST


def fitted(request: Mapping[str, Json], dialect: str, provider: Provider) -> dict[str, Json]:
    """A normalised request in the words that the provider takes.

    OpenAI's reasoning models know no `max_tokens`, and its newer ones no `seed`.
    """
    fitted = dict(request)
    if provider.wire == "openai" and dialect == CHAT.name:
        fitted["max_completion_tokens"] = fitted.pop("max_tokens")
    if provider.wire == "openai" or not provider.seed:
        fitted.pop("seed", None)
    return fitted
