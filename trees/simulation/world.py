"""One hidden world: agents with their true chances, the same for every policy that looks at them."""

from dataclasses import dataclass, field, replace
from math import exp, inf, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trees.simulation.playable import Birth

if TYPE_CHECKING:
    from trees.simulation.landscape import Landscape

_NORMAL = NormalDist()
_FAR, _EXACT, _MOST_STEPS = 1e3, 1e-9, 200
"""Of the search for a quality: in logits, in score."""
_NEUTRAL = 0.1
"""What is left of the gain of a neutral edit."""
_TASKS, _AGENTS = 0, 1
"""What is drawn: first word of the key of every generator."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Hidden:
    """An agent as it truly is, which no policy sees."""

    path: tuple[int, ...]
    """The number of each expansion, of its parent's, that leads from the root to here; () for the root."""
    chances: NDArray[np.float64]
    """Per task, of passing it."""
    score: float
    """Mean of `chances`."""
    drift: float
    """Mean gain of score per edit of this agent, to first order and breaking aside; see `World.expected_gain`."""
    is_broken: bool
    quality: float = field(repr=False)
    """Without what breaking and an open rebuilding hide, in logits."""
    mean_gain: float = field(repr=False)
    """Of quality, per edit that is not neutral, before diminishing."""
    strengths: NDArray[np.float64] = field(repr=False)
    """At single tasks, in logits."""
    chain: int = field(repr=False)
    """Edits done of an open rebuilding; 0: none is under way."""
    luck: NDArray[np.float64] = field(repr=False)
    """Per task, uniform: the task is passed if it is below the chance."""
    seconds: NDArray[np.float64] = field(repr=False)
    """Per task, how long the evaluation takes."""


class World:
    """All agents that a landscape can grow from one seed.

    Everything about an agent is a function of (landscape, seed, path): neither what was drawn before nor in which order
    changes it, so policies that are compared meet the same children and the same outcomes.
    """

    def __init__(self, landscape: "Landscape", seed: int) -> None:
        self.landscape = landscape
        self.seed = seed
        self._births: dict[tuple[int, ...], Birth[Hidden]] = {}
        rng = self._generator(_TASKS)
        hardness = rng.standard_normal(landscape.tasks)
        self._difficulty = landscape.difficulty_spread * hardness
        slope_noise = landscape.discrimination_spread * rng.standard_normal(landscape.tasks)
        self._slope = landscape.discrimination * np.exp(slope_noise)
        self._hardness = _standardised(hardness)
        strengths = landscape.ruggedness * rng.standard_normal(landscape.tasks)
        self._start = self._quality(landscape.start, strengths)
        self._way = self._quality(landscape.ceiling, strengths) - self._start
        self._root = self._agent((), self._start, landscape.drift, strengths, 0, False, self._generator(_AGENTS))

    def root(self) -> Hidden:
        """The seed agent."""
        return self._root

    def expansions(self, agent: Hidden) -> float:
        """They never end."""
        return inf

    def child(self, parent: Hidden, j: int) -> Hidden | None:
        """What expansion number `j` of `parent` makes, counted from 0; None: it is rejected."""
        return self.birth(parent, j).child

    def birth(self, parent: Hidden, j: int) -> Birth[Hidden]:
        """The same, and how long it takes."""
        path = (*parent.path, j)
        if path not in self._births:
            self._births[path] = self._bear(parent, path)
        return self._births[path]

    def passes(self, agent: Hidden, task: int) -> bool:
        """Whether `agent` passes: always the same answer, with its chance over seeds."""
        return bool(agent.luck[task] < agent.chances[task])

    def expected_gain(self, agent: Hidden) -> float:
        """Mean gain of quality per edit of `agent`, in logits; a rebuilding's pay is spread over its edits to come."""
        of = self.landscape
        up = _mean_above_0(agent.mean_gain, of.step_noise)
        edit = (up * self._left(agent.quality) + agent.mean_gain - up) * (1 - (1 - _NEUTRAL) * of.neutral)
        pays = of.chain_gain * self._left(agent.quality) + (of.chain_loss if agent.chain else 0.0)
        return edit + self._chance_to_chain(agent.chain) * pays / (of.chain_length - agent.chain)

    def _bear(self, parent: Hidden, path: tuple[int, ...]) -> Birth[Hidden]:
        of, rng = self.landscape, self._generator(_AGENTS, *path)
        rejected, neutral, broken, chained = rng.random(4)
        step, turn, pace = rng.standard_normal(3)
        fresh = rng.standard_normal(of.tasks)
        seconds = of.expansion_seconds * exp(of.seconds_spread * pace)
        if rejected < of.rejected:
            return Birth(None, seconds)
        chain, chain_gain = self._chained(parent, chained)
        gain = parent.mean_gain + of.step_noise * step
        if neutral < of.neutral:
            gain, mean_gain, strengths = _NEUTRAL * gain, parent.mean_gain, parent.strengths
        else:
            mean_gain = self._mean_gain(parent, step, turn)
            strengths = sqrt(1 - of.reshuffle) * parent.strengths + sqrt(of.reshuffle) * of.ruggedness * fresh
        quality = parent.quality + self._diminished(parent.quality, gain + chain_gain)
        is_broken = bool(broken < (of.broken_inherited if parent.is_broken else of.broken))
        return Birth(self._agent(path, quality, mean_gain, strengths, chain, is_broken, rng), seconds)

    def _chained(self, parent: Hidden, draw: float) -> tuple[int, float]:
        """How far the child's rebuilding is, and the gain of one that it finishes."""
        if draw >= self._chance_to_chain(parent.chain):
            return parent.chain, 0.0
        done = parent.chain + 1
        return (0, self.landscape.chain_gain) if done >= self.landscape.chain_length else (done, 0.0)

    def _chance_to_chain(self, chain: int) -> float:
        return self.landscape.chain_step if chain else self.landscape.chain_start

    def _mean_gain(self, parent: Hidden, step: float, turn: float) -> float:
        """A child's, between its parent's and the landscape's, with new variance in place of what is not inherited."""
        of, kept = self.landscape, self.landscape.drift_inherited
        news = of.alignment * step + sqrt(1 - of.alignment**2) * turn
        return of.drift + kept * (parent.mean_gain - of.drift) + sqrt(1 - kept**2) * of.drift_spread * news

    def _diminished(self, quality: float, gain: float) -> float:
        return gain * self._left(quality) if gain > 0 else gain

    def _left(self, quality: float) -> float:
        """The share of a gain that an agent of this quality can still make."""
        way_left = 1 - (quality - self._start) / self._way
        return float(min(1.0, max(0.0, way_left)) ** self.landscape.diminishing)

    def _agent(
        self,
        path: tuple[int, ...],
        quality: float,
        mean_gain: float,
        strengths: NDArray[np.float64],
        chain: int,
        is_broken: bool,
        rng: np.random.Generator,
    ) -> Hidden:
        of = self.landscape
        shown = quality - (of.chain_loss if chain else 0.0)
        chances = self._chances(shown, strengths) * (of.broken_worth if is_broken else 1.0)
        slope = float(np.mean(self._slope * chances * (1 - chances)))
        hidden = Hidden(
            path=path,
            chances=_locked(chances),
            score=float(chances.mean()),
            drift=0.0,
            is_broken=is_broken,
            quality=quality,
            mean_gain=mean_gain,
            strengths=_locked(strengths),
            chain=chain,
            luck=_locked(rng.random(of.tasks)),
            seconds=_locked(self._seconds(rng)),
        )
        return replace(hidden, drift=slope * self.expected_gain(hidden))

    def _chances(self, quality: float, strengths: NDArray[np.float64]) -> NDArray[np.float64]:
        logits = self._slope * (quality + strengths - self._difficulty)
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -500, 500))))

    def _quality(self, score: float, strengths: NDArray[np.float64]) -> float:
        """The quality that has this score: Newton's steps, and halves of what is left where one leads out of it."""
        low, high, middle = -_FAR, _FAR, 0.0
        for _ in range(_MOST_STEPS):
            chances = self._chances(middle, strengths)
            off = float(chances.mean()) - score
            if abs(off) < _EXACT:
                break
            low, high = (middle, high) if off < 0 else (low, middle)
            slope = float(np.mean(self._slope * chances * (1 - chances)))
            middle = middle - off / slope if slope > _EXACT else high
            if not low < middle < high:
                middle = (low + high) / 2
        return middle

    def _seconds(self, rng: np.random.Generator) -> NDArray[np.float64]:
        of = self.landscape
        own = sqrt(1 - of.seconds_difficulty**2) * rng.standard_normal(of.tasks)
        return np.asarray(
            of.evaluation_seconds * np.exp(of.seconds_spread * (of.seconds_difficulty * self._hardness + own))
        )

    def _generator(self, *key: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=key)))


def _mean_above_0(mean: float, deviation: float) -> float:
    """Of a normal variable with what is below 0 taken for 0."""
    if deviation == 0:
        return max(0.0, mean)
    z = mean / deviation
    return mean * _NORMAL.cdf(z) + deviation * _NORMAL.pdf(z)


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((values - values.mean()) / values.std())


def _locked(values: NDArray[np.float64]) -> NDArray[np.float64]:
    values.flags.writeable = False
    return values
