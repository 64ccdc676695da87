"""What the released HGM code does with results (metauto-ai/HGM @ 013872d, tree.py:23-54, hgm.py:385-393, 432).

Written anew from a description of it; lists are shared where they are shared there.
"""

from trees.records import NO_PARENT


class ReleasedTree:
    """Per node a list of results, which every decision to expand lengthens."""

    def __init__(self, pseudo_evaluations: int = 10_000) -> None:
        self.pseudo_evaluations = pseudo_evaluations
        self.parents: list[int] = []
        self.results: list[list[float]] = []
        self.below: list[list[int]] = []

    def add(self, parent: int, results: list[float]) -> None:
        node = len(self.parents)
        self.parents.append(parent)
        self.results.append([*results])
        self.below.append([])
        while parent != NO_PARENT:
            self.below[parent].append(node)
            parent = self.parents[parent]

    def decide_to_expand(self) -> dict[int, list[float]]:
        """The list that each eligible node is drawn by. Reading them is what changes the tree."""
        eligible = [node for node, results in enumerate(self.results) if sum(results) > 0]
        return {node: self._clade(node) for node in eligible}

    def _clade(self, node: int) -> list[float]:
        own = self.results[node]
        mean, most = sum(own) / len(own), self.pseudo_evaluations
        pooled = own if len(own) < most else [mean] * most
        for descendant in self.below[node]:
            pooled += self.results[descendant]
        return pooled
