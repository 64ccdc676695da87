"""Best of n children of the root: what a search gains without any depth."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from trees.policies.hgm import HGM
from trees.policies.schedule import Pick
from trees.records import ROOT, TreeView


@dataclass(frozen=True, kw_only=True)
class FlatChildren(HGM):
    """As `hgm`, but only the root is ever expanded."""

    name: ClassVar[str] = "flat_children"

    def parent(self, view: TreeView, rng: np.random.Generator) -> Pick:
        """The root."""
        return Pick(ROOT)
