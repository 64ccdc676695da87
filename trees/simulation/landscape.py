"""What a simulated landscape is made of: documented parameters with checked ranges, families, and TOML files."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

from hgm.errors import ConfigError
from trees.escape import told
from trees.simulation.files import content
from trees.simulation.world import World
from trees.toml import tables

MOST_BYTES = 1_000_000
"""Of a file that describes a landscape."""


class Range(NamedTuple):
    """The values that a parameter may take, both ends included."""

    least: float
    most: float


Share = Annotated[float, Range(0, 1)]


@dataclass(frozen=True, kw_only=True)
class Landscape:
    """How simulated agents, their tasks and their children are drawn. A value out of its range raises ConfigError.

    An agent passes task t with chance 1 / (1 + exp(-a (q + r - b))): difficulty b and discrimination a of the task, the
    quality q of the agent, and its strength r at this very task. b, q and r are in logits.
    """

    name: str
    """What the landscape is called in tables."""
    tasks: Annotated[int, Range(2, 10_000)] = 60
    """Search tasks; 60 as SWE-Verified-60 in arXiv 2510.21614, Table 2."""
    start: Annotated[float, Range(0.01, 0.95)] = 0.40
    """Mean chance of the root over its tasks, exactly; 0.40 as in arXiv 2510.21614, Table 2."""
    expansion_cost: Annotated[float, Range(0, 1000)] = 5.0
    """What one expansion costs, in evaluations; a rejected one too."""

    difficulty_spread: Annotated[float, Range(0, 10)] = 2.0
    """Standard deviation of the difficulty over tasks, in logits."""
    discrimination: Annotated[float, Range(0.2, 10)] = 1.0
    """Median slope of the chance over quality."""
    discrimination_spread: Annotated[float, Range(0, 1)] = 0.3
    """Standard deviation over tasks of the slope's logarithm."""

    neutral: Share = 0.5
    """Share of edits that change next to nothing: a tenth of the gain of others, nothing else but breaking."""
    step_noise: Annotated[float, Range(0, 5)] = 0.6
    """Standard deviation of the quality gain of an edit that is not neutral, in logits."""
    drift: Annotated[float, Range(-5, 5)] = -0.1
    """Mean quality gain of such an edit of the root, and of all lineages in the long run, in logits."""
    drift_spread: Annotated[float, Range(0, 5)] = 0.25
    """Standard deviation of the mean gain between lineages far from the root: differences in metaproductivity."""
    drift_inherited: Share = 0.9
    """Share of its mean gain's distance from `drift` that an agent passes on; the rest is drawn anew."""
    alignment: Annotated[float, Range(-1, 1)] = 0.0
    """Correlation of an edit's gain with what it does to the mean gain of the edits to come: 1 aligned, -1 opposed."""

    ceiling: Annotated[float, Range(0.02, 0.999)] = 0.75
    """Mean chance at which no gain is left; above `start`."""
    diminishing: Annotated[float, Range(0, 10)] = 1.0
    """A gain is multiplied by (share of the way to the ceiling that is left) to this power; 0: there is no ceiling."""

    ruggedness: Annotated[float, Range(0, 10)] = 0.3
    """Standard deviation over tasks of an agent's strength at single tasks, in logits; also of the root's."""
    reshuffle: Share = 0.2
    """Share of the variance of these strengths that an edit draws anew: it helps at some tasks and hurts at others."""

    broken: Share = 0.1
    """Share of broken children among those of a healthy parent."""
    broken_inherited: Share = 0.8
    """The same among those of a broken parent; the others are repaired, with the quality that the breaking hid."""
    broken_worth: Share = 0.05
    """A broken agent's chances, as a share of what they would be."""
    rejected: Annotated[float, Range(0, 0.9)] = 0.1
    """Share of expansions that give no child."""

    chain_length: Annotated[int, Range(1, 20)] = 1
    """Edits in a row of a lineage that a rebuilding takes, the first and the last included; 1: each pays at once."""
    chain_start: Share = 0.0
    """Chance that an edit begins a rebuilding, where none is under way; 0: there are none."""
    chain_step: Share = 0.5
    """Chance that an edit carries on a rebuilding that is under way; another edit leaves it as it is."""
    chain_loss: Annotated[float, Range(0, 10)] = 0.0
    """Quality that is lost while a rebuilding is under way, in logits."""
    chain_gain: Annotated[float, Range(0, 10)] = 0.0
    """Quality that a finished rebuilding gains over what was there before it, in logits, before `diminishing`."""

    evaluation_seconds: Annotated[float, Range(0.001, 1e6)] = 300.0
    """Median duration of an evaluation, for searches with several workers."""
    expansion_seconds: Annotated[float, Range(0.001, 1e6)] = 900.0
    """Median duration of an expansion."""
    seconds_spread: Annotated[float, Range(0, 3)] = 0.6
    """Standard deviation of the logarithm of both."""
    seconds_difficulty: Annotated[float, Range(-1, 1)] = 0.7
    """Correlation of the logarithm of an evaluation's duration with the task's difficulty: easy ones finish first."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ConfigError(f"a landscape's name must be a word, not {told(self.name)}")
        for parameter, kind in _PARAMETERS.items():
            self._check(parameter, kind)
        if not self.start < self.ceiling:
            raise ConfigError(f"landscape {self.name}: ceiling must be above start, {self.start}, not {self.ceiling}")

    @property
    def is_recorded(self) -> bool:
        """Its agents are drawn."""
        return False

    def world(self, seed: int) -> World:
        """All agents that grow from one seed."""
        return World(self, seed)

    def described(self) -> Mapping[str, Any]:
        """All parameters."""
        return asdict(self)

    def _check(self, parameter: str, kind: Any) -> None:
        value = getattr(self, parameter)
        (allowed,) = kind.__metadata__
        numeric = isinstance(value, int) or (isinstance(value, float) and kind.__origin__ is float and isfinite(value))
        if isinstance(value, bool) or not numeric or not allowed.least <= value <= allowed.most:
            wanted = f"a {'whole ' if kind.__origin__ is int else ''}number from {allowed.least} to {allowed.most}"
            raise ConfigError(f"landscape {self.name}: {parameter} must be {wanted}, not {told(value)}")


_PARAMETERS: Mapping[str, Any] = {
    parameter: kind for parameter, kind in get_type_hints(Landscape, include_extras=True).items() if parameter != "name"
}

_ALL = (
    Landscape(name="aligned", alignment=0.7, drift=-0.15),
    Landscape(name="independent"),
    Landscape(name="opposed", alignment=-0.7, drift_spread=0.35),
    Landscape(name="rugged", ruggedness=1.5, reshuffle=0.3, step_noise=0.65),
    Landscape(name="fragile", broken=0.28, broken_inherited=0.9, rejected=0.2),
    Landscape(
        name="chains",
        step_noise=0.3,
        drift_spread=0.1,
        chain_length=3,
        chain_start=0.25,
        chain_step=0.5,
        chain_loss=0.3,
        chain_gain=0.9,
    ),
    Landscape(name="rare", neutral=0.8, step_noise=0.9, drift_spread=0.2),
    Landscape(name="costly", expansion_cost=20.0),
)
FAMILIES: Mapping[str, Landscape] = {landscape.name: landscape for landscape in _ALL}
"""By name; `docs/landscapes.md` says what each is for."""


def load_landscape(path: Path) -> Landscape:
    """The landscape that a TOML file describes; ConfigError names what is wrong in it.

    Its keys are the parameters of `Landscape`. With `family = "opposed"`, what it does not give comes from that family.
    Without a name it is called as the file is.
    """
    given = _tables(path)
    family = given.pop("family", None)
    if family is not None and not (isinstance(family, str) and family in FAMILIES):
        raise ConfigError(f"{path}: there is no family {told(family)}; choose one of: {', '.join(FAMILIES)}")
    known = [field.name for field in fields(Landscape)]
    unknown = [key for key in given if key not in known]
    if unknown:
        raise ConfigError(
            f"{path}: a landscape has no parameter {told(unknown[0])}; it has: family, {', '.join(known)}"
        )
    base = asdict(FAMILIES[family]) if family is not None else {}
    try:
        return Landscape(**{**base, "name": path.stem, **given})
    except ConfigError as trouble:
        raise ConfigError(f"{path}: {trouble}") from trouble


def _tables(path: Path) -> dict[str, Any]:
    """What a TOML file holds; ConfigError where it is none."""
    try:
        return tables(content(path, what="a landscape", most_bytes=MOST_BYTES).decode())
    except ValueError as trouble:  # no UTF-8, or no TOML
        raise ConfigError(f"{path}: {trouble}") from trouble
