import json
import random
from pathlib import Path
from statistics import stdev

import pytest

from hgm.calibration import Calibration, Noise, calibrate, load, save
from hgm.config import SearchConfig
from hgm.errors import ConfigError
from hgm.session import event_zero


def made(results: dict[str, list[bool | None]], repeats: int = 3) -> Calibration:
    return calibrate(results, benchmark="b", fingerprint="f", agent="seed", repeats=repeats)


def test_tasks_that_tell_nothing_are_named() -> None:
    found = made({"yes": [True] * 3, "no": [False] * 3, "some": [True, False, True], "gone": [True, None, True]})
    assert (found.always_passed, found.always_failed, found.unmeasured) == (("yes",), ("no",), ("gone",))
    assert found.noise.tasks == 3


def test_a_tenth_stays_as_sentinels_and_always_the_same() -> None:
    results = {f"p{n}": [True] * 2 for n in range(20)} | {f"f{n}": [False] * 2 for n in range(5)}
    results |= {f"m{n}": [True, False] for n in range(4)}
    kept = made(results).keep(tuple(results))
    assert sum(task.startswith("p") for task in kept) == 2
    assert sum(task.startswith("f") for task in kept) == 1
    assert [task for task in kept if task.startswith("m")] == ["m0", "m1", "m2", "m3"]
    shuffled = dict(random.Random(1).sample(sorted(results.items()), len(results)))
    assert set(made(shuffled).keep(tuple(shuffled))) == set(kept)


def test_no_noise_without_change_and_none_without_tasks() -> None:
    assert made({"a": [True] * 3, "b": [False] * 3}).noise.band == 0
    assert made({"a": [None, None]}).noise.tasks == 0


def test_the_noise_band_is_what_repeated_runs_show() -> None:
    rng = random.Random(0)
    chances = [rng.random() for _ in range(60)]
    deviations = []
    for _ in range(200):
        results = {str(n): [rng.random() < chance for _ in range(3)] for n, chance in enumerate(chances)}
        deviations.append(made(results).noise.deviation ** 2)
    rates = [sum(rng.random() < chance for chance in chances) / 60 for _ in range(3000)]
    assert (sum(deviations) / 200) ** 0.5 == pytest.approx(stdev(rates), rel=0.05)


def test_a_calibration_comes_back(tmp_path: Path) -> None:
    found = made({"a": [True] * 3, "b": [False, True, True]})
    save(found, tmp_path / "c.json")
    assert load(tmp_path / "c.json", benchmark="b", fingerprint="f") == found


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 2}', '{"version": 1}', "\x00", '{"version": 1, "noise": 3}']
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(ConfigError, match="not a calibration"):
        load(tmp_path / "c.json", benchmark="b", fingerprint="f")


def test_other_tasks_are_refused(tmp_path: Path) -> None:
    save(made({"a": [True] * 3}), tmp_path / "c.json")
    with pytest.raises(ConfigError, match="calibrate again"):
        load(tmp_path / "c.json", benchmark="b", fingerprint="other")


def test_a_search_leaves_out_what_tells_nothing(tmp_path: Path) -> None:
    from evaluators.base import Split
    from evaluators.registry import open_benchmark

    benchmark = open_benchmark("builtin")
    tasks = benchmark.tasks(Split.SEARCH)
    results: dict[str, list[bool | None]] = {task: [True, number < 30] for number, task in enumerate(tasks)}
    found = calibrate(results, benchmark=benchmark.name, fingerprint=benchmark.fingerprint(), agent="seed", repeats=2)
    save(found, tmp_path / "c.json")
    plain = event_zero(SearchConfig(budget=5), benchmark, "bubblewrap")
    calibrated = event_zero(SearchConfig(budget=5, calibration=tmp_path / "c.json"), benchmark, "bubblewrap")
    assert len(calibrated["search_tasks"]) == len(tasks) - 27
    assert set(calibrated["search_tasks"]) < set(plain["search_tasks"])
    assert calibrated["sealed_tasks"] == plain["sealed_tasks"]
    assert json.dumps(calibrated)
    assert "noise" not in calibrated
    above = {"calibration": tmp_path / "c.json", "confirmation": {"accept_above_noise": True}}
    noise = Noise(**event_zero(SearchConfig(budget=5, **above), benchmark, "bubblewrap")["noise"])
    assert noise == found.noise
    assert noise.band_of(noise.tasks // 4) == pytest.approx(2 * noise.band)
    assert noise.band_of(0) == 1.0
