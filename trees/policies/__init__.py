"""Search policies by name. To add one: implement `trees.records.Policy`, list it here and run its contract suite."""

from collections.abc import Mapping
from dataclasses import fields

from hgm.errors import ConfigError
from trees.escape import told
from trees.policies.base import BasePolicy
from trees.policies.dgm import DGM
from trees.policies.flat_children import FlatChildren
from trees.policies.greedy import Greedy
from trees.policies.hgm import HGM
from trees.policies.hgm_released import HGMReleased
from trees.policies.lineage import Lineage
from trees.policies.random import Random
from trees.policies.saturate import Saturate
from trees.policies.sica import SICA

_ALL: tuple[type[BasePolicy], ...] = (HGM, Greedy, Random, FlatChildren, DGM, SICA, Lineage, HGMReleased)
POLICIES: Mapping[str, type[BasePolicy]] = {policy.name: policy for policy in _ALL}


def make_policy(name: str, /, **options: object) -> BasePolicy:
    """The policy called `name`, to search with; ConfigError says which names and options there are."""
    if name == Saturate.name:
        raise ConfigError(
            f"policy {name} is no way to search, and `hgm tree saturate` alone decides by it; choose one of: "
            f"{', '.join(POLICIES)}"
        )
    if name not in POLICIES:
        raise ConfigError(f"there is no policy {told(name)}; choose one of: {', '.join(POLICIES)}")
    return _made(POLICIES[name], options)


def policy_of_run(name: str, /, **options: object) -> BasePolicy:
    """The policy that a run which exists was begun with: that of a table of agents, too."""
    return _made(Saturate, options) if name == Saturate.name else make_policy(name, **options)


def _made(policy: type[BasePolicy], options: Mapping[str, object]) -> BasePolicy:
    known = [field.name for field in fields(policy)]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ConfigError(f"policy {policy.name} has no option {told(unknown[0])}; it has: {', '.join(known)}")
    return policy(**options)  # each policy checks the values of its options
