"""The families of the built-in generator, by name."""

from evaluators.families import graphs, grids, numbers, parsers, scans, small, tables, texts
from evaluators.families.draft import Draft, Family

_MODULES = (scans, texts, tables, numbers, grids, graphs, parsers, small)
FAMILIES: dict[str, Family] = {family.__name__: family for module in _MODULES for family in module.FAMILIES}

__all__ = ["FAMILIES", "Draft", "Family"]
