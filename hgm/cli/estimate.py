"""`hgm estimate`: what a budget buys, before anything is spent."""

import inspect
from typing import Any

from hgm.cli.search import search

_OWN = ("run", "dry_run", "quiet")
"""Flags of `hgm search` that say nothing about what a budget buys."""


def estimate(**given: Any) -> None:
    """Say what a budget buys: evaluations, children, money, tokens and time, as a range.

    Takes the flags of `hgm search`. It rests on past runs of the same benchmark and backbones below --runs-dir, else
    on an assumption that it states. A budget that cannot buy one round is refused, with the smallest that can.
    Nothing is started or asked.

    \b
    Examples:
      hgm estimate --budget 25usd --backbone openai/gpt-5-mini
      hgm estimate --budget 2h --workers 4
    """
    search(**given, run=None, dry_run=True, quiet=True)


_FLAGS = {name: flag for name, flag in inspect.signature(search).parameters.items() if name not in _OWN}
estimate.__signature__ = inspect.Signature([*_FLAGS.values()])  # type: ignore[attr-defined]  # what typer reads
estimate.__annotations__ = {name: flag.annotation for name, flag in _FLAGS.items()}
