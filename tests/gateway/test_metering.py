"""The meter beside the provider's own tally: exact while calls settle, and never too low after a kill."""

from pathlib import Path

import pytest

from benchmarks import metering


@pytest.fixture
def place(lab) -> Path:
    """A short path."""
    folder = lab.folder / "metered"
    folder.mkdir()
    yield folder
    for file in sorted(folder.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    folder.rmdir()


def test_what_settles_is_counted_to_the_token_in_every_dialect_and_bucket(place):
    found = metering.calm(place, 96)
    assert found["exchanges"] == 96
    assert all(found["billed"].values())
    assert {*found["error_of_the_gateway"].values(), *found["error_of_the_records"].values()} == {0}
    assert found["unsettled"] == 0


@pytest.mark.parametrize("killed", [metering.killed_gateway, metering.killed_controller])
def test_after_a_kill_what_was_lost_is_counted_at_its_reservation_and_listed(place, killed):
    found = killed(place, 96)
    assert found["settled_with_lost_attempts"] > 0
    assert found["unsettled"] <= found["at_once"]
    assert found["listed"] == found["unsettled"]
    assert found["counted"] == found["counted_from_records"] >= found["billed"]
    assert found["settled_over_billed"] <= 0, "nothing that settled is counted twice"
