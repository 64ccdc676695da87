"""The families of the built-in generator, by name."""

from evaluators.families import scans
from evaluators.families.draft import Draft, Family

FAMILIES: dict[str, Family] = {family.__name__: family for module in (scans,) for family in module.FAMILIES}

__all__ = ["FAMILIES", "Draft", "Family"]
