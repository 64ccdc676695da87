"""Which element a phrase means: by its text, its kind and its place, as a weak reader would judge, so never surely."""

import math
import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from random import Random

from hgm.backbones.builtin.gui_page import Element, Page

SURE = 0.45
"""Below this, nothing on the page is what is meant."""
SHARP = 13.0
ROOM = 4_000.0
"""With so many characters to read, it tells two elements apart half as well."""
MAX_CANDIDATES = 300
MAX_WORDS = 12
MAX_NEAR = 3
_WORD = re.compile(r"[^\W_](?:[\w'#-]*[\w#])?")


def likeness(phrase: str, said: str) -> float:
    """How much a text is what a phrase names; 1 is the same text."""
    phrase, said = phrase.strip()[:200], said.strip()[:400]
    if not phrase or not said:
        return 0.0
    if phrase == said:
        return 1.0
    low, other = phrase.casefold(), said.casefold()
    if low == other:
        return 0.95
    if low.strip(" .:#") == other.strip(" .:#"):
        return 0.9
    wanted, found = _words(low)[:MAX_WORDS], _index(other)
    if not wanted or not found:
        return 0.0
    shared = sum(_nearest(word, found) for word in wanted)
    many = sum(map(len, found.values()))
    return 0.8 * shared / len(wanted) * (0.5 + 0.5 * min(1.0, shared / many))


def find(
    page: Page, phrase: str, candidates: Sequence[Element], *, roles: frozenset[str] = frozenset()
) -> list[tuple[float, Element]]:
    """Candidates that might be meant, with their scores, the best first."""
    scored = []
    for item in candidates[:MAX_CANDIDATES]:
        score = likeness(phrase, page.label(item)) if phrase else 0.5 * (item.role in roles)
        if score > 0:
            score += 0.15 * (item.role in roles) + 0.05 * item.pressable
            scored.append((score, item))
    return sorted(scored, key=lambda pair: (-pair[0], pair[1].number))


def choose(scored: Sequence[tuple[float, Element]], rng: Random, *, size: int, care: float) -> Element | None:
    """One of those that might be meant: most often the best, less so where there is much to read."""
    if not scored or scored[0][0] < SURE:
        return None
    sharp = SHARP * care / (1.0 + size / ROOM)
    weights = [math.exp(sharp * (score - scored[0][0])) for score, _ in scored]
    return rng.choices([item for _, item in scored], weights)[0]


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text)[:60])


@lru_cache(maxsize=4096)
def _index(text: str) -> dict[str, tuple[str, ...]]:
    """The words of a text by how they begin; words that begin differently are never alike."""
    found: dict[str, tuple[str, ...]] = {}
    for word in _words(text):
        found[word[:3]] = (*found.get(word[:3], ()), word)
    return found


def _nearest(word: str, found: dict[str, tuple[str, ...]]) -> float:
    near = found.get(word[:3], ())
    return 1.0 if word in near else max((_alike(word, other) for other in near[:MAX_NEAR]), default=0.0)


@lru_cache(maxsize=8192)
def _alike(word: str, other: str) -> float:
    if len(word) < 4 or len(other) < 4:
        return 0.0
    if word[:4] == other[:4] and (word.startswith(other) or other.startswith(word) or word[:5] == other[:5]):
        return 0.7
    ratio = SequenceMatcher(None, word[:24], other[:24], autojunk=False).ratio()
    return 0.6 if ratio > 0.84 else 0.0
