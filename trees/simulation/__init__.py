"""Simulated landscapes: trees of agents whose true worth is known, to compare search policies on at no cost."""

from trees.simulation.landscape import FAMILIES, Landscape, load_landscape
from trees.simulation.outcome import Simulated
from trees.simulation.play import oracle, simulate
from trees.simulation.table import AgentTable, load_table
from trees.simulation.world import Hidden, World

__all__ = [
    "FAMILIES",
    "AgentTable",
    "Hidden",
    "Landscape",
    "Simulated",
    "World",
    "load_landscape",
    "load_table",
    "oracle",
    "simulate",
]
