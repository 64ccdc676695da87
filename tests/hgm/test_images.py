"""What missing images take is held against what is free before any is pulled."""

import pytest

from evaluators.base import Environment
from hgm.errors import ConfigError
from hgm.images import Need, must_fit


def test_what_does_not_fit_is_refused_before_anything_is_pulled() -> None:
    there = [Need(environment=Environment(image=f"x:{n}"), tasks=1, id="i", size=2 * 10**9) for n in range(2)]
    missing = [Need(environment=Environment(image=f"y:{n}"), tasks=1) for n in range(5)]
    said = r"5 missing images of about 2\.0 GB are 10\.0 GB, 12\.0 GB are free, .* leaves 3 GB: take fewer .*--disk-gb"
    with pytest.raises(ConfigError, match=said):
        must_fit([*there, *missing], free=12 * 10**9, spare=3 * 10**9)
    must_fit([*there, *missing], free=13 * 10**9, spare=3 * 10**9)
    must_fit([*there, *missing], free=None, spare=3 * 10**9)
    must_fit(missing, free=10**9, spare=3 * 10**9)
    must_fit(there, free=10**10, spare=3 * 10**9)
    must_fit(there, free=10**9, spare=3 * 10**9)
