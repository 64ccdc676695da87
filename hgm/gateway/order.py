"""What a controller and its gateway must agree on before the gateway starts."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hgm.gateway.providers import Provider, provider_from_json
from hgm.gateway.settings import Settings

CONTROL_SOCKET = ".control"
"""In the gateway's folder."""
LEASE_SOCKET = "sock"
"""In a lease's folder."""
LONGEST_PATH = 90
"""Bytes of a socket's path: the kernel takes 107, and a sandbox may put a prefix before it."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a controller tells its gateway. Nothing in it is secret."""

    trajectories: Path
    scripts: Path | None = None
    replay: Path | None = None
    providers: tuple[Provider, ...] = ()
    """What the configuration says about them; those that everybody knows need not be here."""
    settings: Settings = field(default_factory=Settings)

    @property
    def keys(self) -> frozenset[str]:
        """Names of the environment variables that hold a key, whether their names show it or not."""
        return frozenset(provider.key for provider in self.providers)

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self), default=str) + "\n"

    @classmethod
    def from_json(cls, line: str) -> "Order":
        """The inverse of `to_json`."""
        value = json.loads(line)
        return cls(
            trajectories=Path(value["trajectories"]),
            scripts=value["scripts"] and Path(value["scripts"]),
            replay=value["replay"] and Path(value["replay"]),
            providers=tuple(map(provider_from_json, value["providers"])),
            settings=Settings(**value["settings"]),
        )
