"""Which backbones exist: `provider/model` -> its upstream, made when a lease first asks for it."""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

from hgm.backbones import scripted
from hgm.backbones.process import ISOLATED_PYTHON, ProcessBackbone
from hgm.errors import ConfigError
from hgm.gateway.chat_upstream import ChatProcess
from hgm.gateway.replay import Replay
from hgm.gateway.settings import Settings
from hgm.gateway.upstream import Upstream

BUILTIN_MODELS = ("rules",)
SCRIPT_NAME = re.compile(r"[A-Za-z0-9_-]{1,24}")


class Upstreams:
    """All upstreams of one gateway. A further provider is one more entry of `_providers`."""

    def __init__(self, folder: Path, *, scripts: Path | None, replay: Path | None, settings: Settings) -> None:
        self._folder = folder
        self._scripts = scripts
        self._replay = replay
        self._settings = settings
        self._made: dict[str, Upstream] = {}
        self._providers: dict[str, Callable[[str], Upstream]] = {
            "builtin": self._builtin,
            "replay": self._replayed,
            "scripted": self._scripted,
        }

    def of(self, backbone: str) -> Upstream:
        """The upstream of `provider/model`.

        Raises:
            ConfigError: there is none; the message names those that exist.
        """
        provider, _, model = backbone.partition("/")
        if provider not in self._providers:
            known = ", ".join(sorted(self._providers))
            raise ConfigError(f"backbone {backbone!r}: unknown provider {provider!r}; there are {known}")
        if backbone not in self._made:
            self._made[backbone] = self._providers[provider](model)
        return self._made[backbone]

    async def close(self) -> None:
        """Let go of all of them."""
        for upstream in self._made.values():
            await upstream.close()

    def _builtin(self, model: str) -> Upstream:
        if model not in BUILTIN_MODELS:
            raise ConfigError(f"backbone builtin/{model}: there is builtin/{', builtin/'.join(BUILTIN_MODELS)}")
        spec = importlib.util.find_spec("hgm.backbones.builtin.server")
        if spec is None or spec.origin is None:
            raise ConfigError("backbone builtin/rules: this installation lacks hgm/backbones/builtin/server.py")
        return self._process(f"builtin-{model}", spec.origin, streams=False)

    def _scripted(self, model: str) -> Upstream:
        script = self._scripts / f"{model}.json" if self._scripts and SCRIPT_NAME.fullmatch(model) else None
        if script is None or not script.is_file():
            raise ConfigError(f"backbone scripted/{model}: there is no script of that name in {self._scripts}")
        return self._process(f"scripted-{model}", scripted.__file__, "--script", str(script), streams=True)

    def _replayed(self, model: str) -> Upstream:
        if self._replay is None or not self._replay.is_dir():
            raise ConfigError(f"backbone replay/{model}: the gateway was given no folder of trajectories to replay")
        return Replay(self._replay)

    def _process(self, name: str, program: str, *options: str, streams: bool) -> ChatProcess:
        command = (*ISOLATED_PYTHON, program, *options)
        return ChatProcess(ProcessBackbone(command, self._folder / name), settings=self._settings, streams=streams)
