"""Which backbones exist: `provider/model` -> its upstream, made when a lease first asks for it."""

import importlib.util
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from hgm.backbones import scripted
from hgm.backbones.process import ISOLATED_PYTHON, ProcessBackbone
from hgm.errors import ConfigError
from hgm.gateway.child_upstream import ChildUpstream
from hgm.gateway.dialects.known import CHAT, DIALECTS
from hgm.gateway.pace import Pace
from hgm.gateway.provider_upstream import ProviderUpstream
from hgm.gateway.providers import KNOWN, Provider
from hgm.gateway.replay import Replay
from hgm.gateway.settings import Settings
from hgm.gateway.translate import Translated
from hgm.gateway.upstream import Upstream

BUILTIN_MODELS = ("rules",)
SCRIPT_NAME = re.compile(r"[A-Za-z0-9_-]{1,24}")


class Upstreams:
    """All upstreams of one gateway."""

    def __init__(
        self,
        folder: Path,
        *,
        scripts: Path | None,
        replay: Path | None,
        providers: Sequence[Provider],
        environ: Mapping[str, str],
        settings: Settings,
    ) -> None:
        self._folder = folder
        self._scripts = scripts
        self._replay = None if replay is None else Replay(replay)
        self._settings = settings
        self._environ = environ
        self._made: dict[str, Upstream] = {}
        self._remote = {**KNOWN, **{provider.name: provider for provider in providers}}
        self._paces = {name: Pace(name) for name in self._remote}
        self._ours: dict[str, Callable[[str], Upstream]] = {
            "builtin": self._builtin,
            "scripted": self._scripted,
        }

    def of(self, backbone: str) -> Upstream:
        """The upstream of `provider/model`; where a recording is replayed, that, whatever the name.

        Raises:
            ConfigError: there is none, or its key is not set; the message says what to do.
        """
        if self._replay is not None:
            return self._replay
        if backbone not in self._made:
            self._made[backbone] = self._new(backbone)
        return self._made[backbone]

    async def close(self) -> None:
        """Let go of all of them."""
        for upstream in self._made.values():
            await upstream.close()

    def _new(self, backbone: str) -> Upstream:
        provider, _, model = backbone.partition("/")
        if provider in self._ours:
            return self._ours[provider](model)
        if provider in self._remote and model:
            return self._provided(self._remote[provider], model)
        known = ", ".join(sorted({*self._ours, *self._remote}))
        raise ConfigError(
            f"backbone {backbone!r}: unknown provider {provider!r}; there are {known}, and any OpenAI-compatible "
            f"server as -o providers.{provider or 'NAME'}.base_url=https://…"
        )

    def _provided(self, provider: Provider, model: str) -> Upstream:
        key = self._environ.get(provider.key, "")
        if provider.needs_key and not key:
            raise ConfigError(
                f"backbone {provider.name}/{model}: {provider.key} is not set: export the key in it, or name another "
                f"variable with -o providers.{provider.name}.key=NAME"
            )
        upstream = ProviderUpstream(provider, model, key, settings=self._settings, pace=self._paces[provider.name])
        return Translated(upstream) if provider.wire == "anthropic" else upstream

    def _builtin(self, model: str) -> Upstream:
        if model not in BUILTIN_MODELS:
            raise ConfigError(f"backbone builtin/{model}: there is builtin/{', builtin/'.join(BUILTIN_MODELS)}")
        spec = importlib.util.find_spec("hgm.backbones.builtin.server")
        if spec is None or spec.origin is None:
            raise ConfigError("backbone builtin/rules: this installation lacks hgm/backbones/builtin/server.py")
        process = self._process(f"builtin-{model}", spec.origin)
        dialects = frozenset({CHAT.name})
        return ChildUpstream(process, name="builtin", dialects=dialects, settings=self._settings, streams=False)

    def _scripted(self, model: str) -> Upstream:
        script = self._scripts / f"{model}.json" if self._scripts and SCRIPT_NAME.fullmatch(model) else None
        if script is None or not script.is_file():
            raise ConfigError(f"backbone scripted/{model}: there is no script of that name in {self._scripts}")
        process = self._process(f"scripted-{model}", scripted.__file__, "--script", str(script))
        dialects = frozenset(DIALECTS)
        return ChildUpstream(process, name="scripted", dialects=dialects, settings=self._settings, streams=True)

    def _process(self, name: str, program: str, *options: str) -> ProcessBackbone:
        return ProcessBackbone((*ISOLATED_PYTHON, program, *options), self._folder / name)
