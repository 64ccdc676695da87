"""A comparison of policies as JSON: its arguments in full and what came out, for programs and for the record."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from typing import Any

import numpy as np

from trees.simulation.comparison import REFERENCE, Comparison, Plan, Summary
from trees.statistics import Gain

SCHEMA = "hgm-policy-comparison"
VERSION = 2
"""Grows when a reader of the old one could be misled. 1: `cmp_correlation` of some policies was of another signal,
and shares of a way that may be none were given."""


def document(comparison: Comparison) -> Mapping[str, Any]:
    """The document. Equal plans give equal documents, but for the versions in it."""
    plan = comparison.plan
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "numpy": np.__version__,
        "simulated": not any(landscape.is_recorded for landscape in plan.landscapes),
        "reference": REFERENCE,
        "arguments": _arguments(plan),
        "results": [
            {
                "budget": budget,
                "policy": label,
                "all": _numbers(comparison.summary(label, budget)),
                "families": {name: _numbers(comparison.summary(label, budget, name)) for name in plan.families},
            }
            for budget in plan.budgets
            for label in plan.labels
        ],
    }


def _arguments(plan: Plan) -> dict[str, Any]:
    return {
        "policies": {one.label: {"name": one.policy.name, "options": asdict(one.policy)} for one in plan.contenders},
        "landscapes": [landscape.described() for landscape in plan.landscapes],
        "first_seed": plan.first_seed,
        "seeds": {str(budget): len(plan.seeds_of(budget)) for budget in plan.budgets},
        "budgets": list(plan.budgets),
        "equal": plan.equal,
        "workers": plan.workers,
    }


def _numbers(summary: Summary) -> dict[str, Any]:
    score, difference = summary.score, summary.difference
    return {
        "n": summary.n,
        "mean": score.mean,
        "sd": summary.score_sd,
        "interval": _interval(score),
        "difference": {"mean": difference.mean, "sd": summary.difference_sd, "interval": _interval(difference)},
        "o1": summary.o1,
        "o2": summary.o2,
        "to_o1": summary.to_o1 and summary.to_o1.mean,
        "to_o1_interval": summary.to_o1 and _interval(summary.to_o1),
        "to_o2": summary.to_o2 and summary.to_o2.mean,
        "to_o2_interval": summary.to_o2 and _interval(summary.to_o2),
        "best": summary.best,
        "children": summary.children,
        "evaluations": summary.evaluations,
        "expansions": summary.expansions,
        "cmp_correlation": _known(summary.correlation),
    }


def _interval(gain: Gain) -> list[float]:
    return [gain.low, gain.high]


def _known(value: float) -> float | None:
    return value if isfinite(value) else None


def text_of(comparison: Comparison) -> str:
    """The document as text."""
    return json.dumps(document(comparison), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
