"""A model of a provider's, asked with its key: the network's side of the gateway."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from time import monotonic
from typing import Literal

from hgm.gateway.dialects.base import Counted, Dialect, Imposed
from hgm.gateway.dialects.known import CHAT, DIALECTS, MESSAGES, RESPONSES
from hgm.gateway.failures import NOTHING, Broken, NotFound, Rejected, Transient
from hgm.gateway.http_upstream import Server
from hgm.gateway.live import Call
from hgm.gateway.pace import Pace
from hgm.gateway.prices import Tokens
from hgm.gateway.providers import Provider, fitted, headers
from hgm.gateway.records import NO_SAMPLING, Json
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings
from hgm.gateway.upstream import Probed

PROBE_TOKENS = 16
"""The smallest limit on an answer that all providers take."""
_HELLO: Json = [{"role": "user", "content": "Say OK."}]
PROBES = {CHAT.name: {"messages": _HELLO}, RESPONSES.name: {"input": _HELLO}, MESSAGES.name: {"messages": _HELLO}}
_TOO_SHORT = re.compile(r"(?=.*(max_|limit))(?=.*(too small|below|minimum|at least|higher|was reached))", re.IGNORECASE)
"""Of what a 400 says: key and model are good, only such a short answer is none."""
Verdict = Literal["works", "absent", "trouble"]


class ProviderUpstream:
    """`Upstream` of one model. Which dialects the server really has for it is found out by asking."""

    def __init__(self, provider: Provider, model: str, key: str, *, settings: Settings, pace: Pace) -> None:
        self.dialects = frozenset(provider.dialects)
        self.pace = pace
        self._provider = provider
        self._model = model
        self._settings = settings
        self._server = Server.at(provider.root, headers(provider, key), settings, proxies=not provider.is_here)
        self._where = f"{provider.name}/{model} at {provider.root} ({_key(provider, key)})"
        self._surveyed = False
        self._probing = asyncio.Lock()
        self._probed: dict[tuple[tuple[str, Json], ...], tuple[Probed, float]] = {}
        """By sampling: what came of the latest probe, and when."""
        self._owed = NOTHING
        """What probes have cost that nobody outside asked for."""

    async def start(self) -> None:
        """See `Upstream.start`."""

    async def answer(self, call: Call) -> Json:
        """See `Upstream.answer`."""
        try:
            return await self._server.ask(
                call.dialect, self._fitted(call.dialect, call.request), stream=call.wanted.stream
            )
        except NotFound as missing:
            raise await self._found_out(call.dialect, missing) from missing
        except Broken as trouble:
            raise self._explained(trouble) from trouble

    async def probe(self, sampling: Mapping[str, Json] = NO_SAMPLING) -> Probed:
        """See `Upstream.probe`. The first one tries all dialects, the later ones one that worked.

        Whoever asks within a few seconds gets the same answer, which costs nothing any more.
        """
        settings = tuple(sorted(sampling.items()))
        async with self._probing:
            probed, at = self._probed.get(settings, (None, 0.0))
            if probed is None or monotonic() - at > self._settings.probe_fresh_s:
                probed = await self._survey(sampling)
                self._probed[settings] = probed, monotonic()
                self._owed = _added(self._owed, probed.counted)
            owed, self._owed = self._owed, NOTHING
            return replace(probed, counted=owed)

    async def close(self) -> None:
        """See `Upstream.close`."""
        await self._server.close()

    async def _found_out(self, dialect: Dialect, missing: NotFound) -> Exception:
        """Whose fault a 404 is: the server's that lacks this dialect, the host's, or the request's.

        The call that brought it about pays for finding out.
        """
        probed = await self.probe()
        found: Broken | Rejected = missing.refused
        if not probed.ok:
            found = self._explained(missing)
        elif dialect.name not in self.dialects:
            found = Rejected(404, dialect.error(not_spoken(self._where, dialect, self.dialects)))
        found.counted = probed.counted
        return found

    async def _survey(self, sampling: Mapping[str, Json]) -> Probed:
        """Try the dialects until one works; all of them until it is known which the server has."""
        counted, works, absent, troubles = NOTHING, set[str](), set[str](), list[str]()
        for name in (name for name in self._provider.dialects if name in self.dialects):
            verdict, probed = await self._try(DIALECTS[name], sampling)
            counted = _added(counted, probed.counted)
            troubles += [probed.trouble] if probed.trouble else []
            works |= {name} if verdict == "works" else set()
            absent |= {name} if verdict == "absent" else set()
            if verdict == "trouble" or (works and self._surveyed):
                break
        if works:
            self._surveyed = True
            self.dialects -= absent
        return Probed(ok=bool(works), trouble="" if works else troubles[0], counted=counted)

    async def _try(self, dialect: Dialect, sampling: Mapping[str, Json]) -> tuple[Verdict, Probed]:
        """The smallest request; an answer is longer than what may be thought before it."""
        most = PROBE_TOKENS + sampling.get("thinking_tokens", 0)
        imposed = Imposed(model=self._model, max_output_tokens=most, sampling=sampling, seed=0)
        request = dialect.request(dialect.read(PROBES[dialect.name], self._settings), imposed)
        asked = self._fitted(dialect, request)
        try:
            raw = await self._server.ask(dialect, asked, stream=False, timeout_s=self._settings.probe_timeout_s)
            counted = dialect.counted(dialect.answer(raw, index=0, model=self._model))
        except NotFound as missing:
            return "absent", Probed(ok=False, trouble=str(self._explained(missing)))
        except (Broken, Transient, Rejected) as trouble:
            said = _words(trouble)
            if said.startswith("HTTP 400") and _TOO_SHORT.search(said):
                return "works", Probed(ok=True)
            verdict: Verdict = "absent" if isinstance(trouble, Rejected) else "trouble"
            lost = isinstance(trouble, Transient) and trouble.charged
            told = str(self._explained(Broken(said)))
            return verdict, Probed(ok=False, trouble=told, counted=_reserved(asked, most) if lost else NOTHING)
        return "works", Probed(ok=True, counted=counted or _reserved(asked, most))

    def _fitted(self, dialect: Dialect, request: dict[str, Json]) -> dict[str, Json]:
        return fitted(request, dialect.name, self._provider)

    def _explained(self, trouble: Exception) -> Broken:
        """The same, with where it was asked and what to do."""
        said = str(trouble)
        advice = next((text for start, text in self._advice().items() if said.startswith(start)), "")
        fault = isinstance(trouble, Broken) and trouble.hosts_fault
        return Broken(f"{self._where}: {said}{advice and f'; {advice}'}", hosts_fault=fault)

    def _advice(self) -> dict[str, str]:
        base = f"-o providers.{self._provider.name}.base_url=…"
        return {
            "HTTP 401": f"check the key in {self._provider.key}",
            "HTTP 402": "the account has no credit",
            "HTTP 403": f"see whether the key in {self._provider.key} may use this model",
            "HTTP 404": f"check the model's name and the address ({base})",
            "HTTP 429": "the account's limit is used up, or too many ask at once",
            "Connect": f"is it running, and there? {base}",
            "the backbone's answer is not": f"is this the address of an API? {base}",
        }


def not_spoken(where: str, dialect: Dialect, spoken: frozenset[str]) -> Refusal:
    """What an agent reads that speaks a dialect which its backbone does not."""
    paths = ", ".join(DIALECTS[name].path for name in sorted(spoken))
    return Refusal(
        404, f"{where.partition(' ')[0]} is not asked at {dialect.path}: use {paths}", code="dialect_not_spoken"
    )


def _key(provider: Provider, key: str) -> str:
    return f"key: {provider.key}, {'set' if key else 'not set'}"


def _words(trouble: Exception) -> str:
    if isinstance(trouble, Rejected):
        return f"HTTP {trouble.status}: {json.dumps(trouble.body, ensure_ascii=False)[:500]}"
    return str(trouble)


def _reserved(asked: Json, most: int) -> Counted:
    """What a probe counts as that may be billed and does not say at what: as a call does."""
    return Counted(tokens=Tokens(input=len(json.dumps(asked)), output=most))


def _added(one: Counted, other: Counted) -> Counted:
    untold = any(each.usd is None and each.tokens.total for each in (one, other))
    return Counted(tokens=one.tokens + other.tokens, usd=None if untold else (one.usd or 0.0) + (other.usd or 0.0))
