"""`python -m benchmarks.ranking`, on documents made by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.ranking import main, order, ranking, tau_b

NAMES = ("hgm", "lineage", "dgm", "sica", "greedy", "random")


def table(scores: dict[str, float] | None = None, budgets: tuple[int, ...] = (100,)) -> dict:
    named = scores or {name: 0.9 - at / 10 for at, name in enumerate(NAMES)}
    results = [{"budget": b, "policy": name, "all": {"mean": mean}} for b in budgets for name, mean in named.items()]
    played = {"landscapes": [{"name": "t", "table": "t.json"}]}
    return {"schema": "hgm-policy-comparison", "version": 2, "arguments": played, "results": results}


def live(rows: list[list[float | None]] | None = None) -> dict:
    found = rows or [[0.8 - at / 10 + seed / 100 for at in range(6)] for seed in range(4)]
    runs = [
        {"policy": name, "seed": seed, "score": value}
        for seed, values in enumerate(found)
        for name, value in zip(NAMES, values, strict=True)
    ]
    return {"schema": "hgm-live-comparison", "kind": "live", "version": 1, "runs": runs}


def said(
    capsys: pytest.CaptureFixture[str], folder: Path, of_table: object, of_live: object, *words: str
) -> tuple[int, str, str]:
    for name, told in (("t.json", of_table), ("l.json", of_live)):
        (folder / name).write_text(told if isinstance(told, str) else json.dumps(told))
    code = main([str(folder / "t.json"), str(folder / "l.json"), "--draws", "50", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_same_order_is_a_tau_of_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = said(capsys, tmp_path, table(), live())
    assert (code, err) == (0, "")
    assert "6 policies, at a cost of 100 on the table; 4 live seeds" in out
    assert "on the table: hgm 0.900 > lineage 0.800 > dgm 0.700" in out
    assert "tau-b 1.00, 95 % [1.00, 1.00] over live seeds" in out
    assert "4 seeds are too few for a bootstrap" in out
    assert "too few" not in said(capsys, tmp_path, table(), live([[0.8, 0.7, 0.6, 0.5, 0.4, 0.3]] * 5))[1]


def test_the_other_order_is_minus_one_and_noise_is_in_between(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    backwards = {name: at / 10 for at, name in enumerate(NAMES)}
    assert "tau-b -1.00" in said(capsys, tmp_path, table(backwards), live())[1]
    noise = np.random.default_rng(3).random((5, 6)).tolist()
    out = said(capsys, tmp_path, table(), live(noise))[1]
    low, high = (float(word.strip("[],")) for word in out.partition("95 %")[2].split()[:2])
    assert -1 <= low < high <= 1


def test_a_seed_is_drawn_as_a_whole() -> None:
    """Seeds that are good or bad for all policies alike say nothing against a ranking."""
    scores = np.array([[seed / 2 - at / 100 for at in range(6)] for seed in range(2)])
    found = ranking(-np.arange(6.0), scores, draws=100)
    assert (found.tau, found.low, found.high, found.lost) == (1, 1, 1, 0)


def test_ties_are_corrected_for_and_shown() -> None:
    assert tau_b(np.array([1.0, 1, 2, 3]), np.array([1.0, 2, 3, 4])) == pytest.approx(5 / np.sqrt(5 * 6))
    assert order(("a", "b", "c"), np.array([0.5, 0.5, 0.25])) == "a 0.500 = b 0.500 > c 0.250"


def test_seeds_that_are_not_whole_are_left_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = [[0.8, 0.7, 0.6, 0.5, 0.4, 0.3] for _ in range(3)]
    code, out, _ = said(capsys, tmp_path, table(), live([*rows, [None, 0.9, 0.9, 0.9, 0.9, 0.9]]))
    assert code == 0
    assert "3 live seeds" in out
    assert "left out: 1 live seeds" in out


def test_draws_in_which_all_are_level_are_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = said(capsys, tmp_path, table(), live([[0.5] * 6, [0.8, 0.7, 0.6, 0.5, 0.4, 0.3]]))[1]
    assert "of 50 draws had all policies level" in out


def test_policies_of_both_are_ranked_at_the_budget_that_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    more = {**{name: 0.5 - at / 10 for at, name in enumerate(NAMES)}, "flat_children": 0.9, "random": 0.0}
    code, out, _ = said(capsys, tmp_path, table(more, (100, 200)), live(), "--budget", "200")
    assert code == 0
    assert "flat_children" not in out
    assert "at a cost of 200" in out


@pytest.mark.parametrize(
    ("of_table", "of_live", "words", "remedy"),
    [
        (live(), table(), (), "the table's comes first"),
        ("[]", live(), (), "no document of the schema hgm-policy-comparison"),
        ("{", live(), (), "no JSON"),
        ("[" * 100_000, live(), (), "no JSON"),
        ("\udcff".encode("utf-8", "surrogatepass").decode("latin1"), live(), (), "no JSON"),
        ({**table(), "version": 1}, live(), (), "of version 1, and version 2 is read"),
        ({**table(), "version": [2]}, live(), (), "of version a list"),
        ({**table(), "arguments": {"landscapes": [{"name": "aligned"}]}}, live(), (), "else than one recorded table"),
        ({**table(), "arguments": {"landscapes": [{"table": 1}] * 2}}, live(), (), "else than one recorded table"),
        ({**table(), "arguments": 3}, live(), (), "arguments: a record with landscapes"),
        ({**table(), "results": []}, live(), (), "results: a list of 1"),
        ({**table(), "results": {}}, live(), (), "results: a list of 1"),
        ({**table(), "results": [3]}, live(), (), "results[0]: a record with budget"),
        ({**table(), "results": [{"budget": 1, "policy": "a", "all": 3}]}, live(), (), "a record with mean"),
        (table({"\x1b[31m": 0.5}), live(), (), "printable"),
        (table({"a" * 501: 0.5}), live(), (), "printable"),
        (table({"hgm": 1.5}), live(), (), "a number from 0 to 1"),
        (json.dumps(table({"hgm": 0.5})).replace("0.5", "NaN"), live(), (), "NaN is no JSON"),
        (json.dumps(table({"hgm": 0.5})).replace("0.5", "1e999"), live(), (), "a number from 0 to 1"),
        (table(budgets=(100, 100)), live(), (), "is there twice with that budget"),
        (table(budgets=(100, 200)), live(), (), "has the budgets 100, 200: name one"),
        (table(), live(), ("--budget", "7"), "--budget 7: "),
        (table(), live(), ("--draws", "0"), "--draws 0"),
        (table({"hgm": 0.5}), live(), (), "share 1 policies, and 6 at least"),
        (table(), {**live(), "version": 2}, (), "of version 2, and version 1 is read"),
        (table(), {**live(), "runs": [{"policy": "hgm", "seed": True, "score": 0.5}]}, (), "whole number"),
        (table(), {**live(), "runs": [{"policy": "hgm", "seed": 0}]}, (), "a record with score"),
        (table(), {**live(), "runs": live()["runs"] * 2}, (), "is there twice with seed 0"),
        (table(), live([[0.5] * 6]), (), "1 seeds have a score of every policy"),
        (table(), live([[0.5] * 6, [0.5] * 6]), (), "all policies are level"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    of_table: object,
    of_live: object,
    words: tuple[str, ...],
    remedy: str,
) -> None:
    code, out, err = said(capsys, tmp_path, of_table, of_live, *words)
    assert (code, out) == (2, "")
    assert remedy in err
    assert "\x1b" not in err
    assert len(err) < 1_000


def test_what_is_no_file_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "l.json").write_text(json.dumps(live()))
    for place in ("none.json", "."):
        assert main([str(tmp_path / place), str(tmp_path / "l.json")]) == 2
    assert "cannot be read" in capsys.readouterr().err
