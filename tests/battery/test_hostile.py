"""The battery: hostile agents, end to end. Nothing reaches the host, the controller goes on, each ends as it must.

By default the short form; HGM_BATTERY=whole makes every attempt on every sandbox, and as an ordinary user too. Half of
this file shows that the looks would notice: attempts get out where there are no walls, and what is planted is found.
"""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sandboxes.choose import NAMES
from tests.battery.attempt import PASSED, PRELUDE, Attempt, Look, Seen, nothing_more, solves
from tests.battery.attempts import exhaust, gateway, returns
from tests.battery.every import HOSTILE, cheating
from tests.battery.field import LEAKY, MOST_WRITTEN, Field, open_field
from tests.battery.ground import CLAIM, Ground
from trees.records import Outcome

WHOLE = os.environ.get("HGM_BATTERY") == "whole"
MADE = [attempt for attempt in HOSTILE if WHOLE or attempt.short]
SANDBOXES = [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("bubblewrap", "docker") if name in NAMES]
CHECKOUT = Path(__file__).parents[2]
NOBODY = 65534


@pytest.fixture(scope="module", params=SANDBOXES)
def field(request: pytest.FixtureRequest) -> Iterator[Field]:
    with open_field(request.param) as field:
        yield field
        assert not field.harm()


@pytest.fixture(scope="module")
def leaky() -> Iterator[Field]:
    with open_field(LEAKY) as field:
        yield field


def named(attempts: list[Attempt]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("attempt", attempts, ids=[attempt.name for attempt in attempts])


@named(MADE)
def test_it_is_contained_and_ends_as_the_table_says(field: Field, attempt: Attempt) -> None:
    if reason := field.unfit(attempt):
        pytest.skip(reason)
    report = field.face(attempt)
    assert report.held, report.complaint


@pytest.mark.needs("bubblewrap", "root")
@named([attempt for attempt in MADE if attempt.control])
def test_without_walls_it_is_seen_to_get_out(leaky: Field, attempt: Attempt) -> None:
    assert leaky.face(attempt).escapes


def test_there_are_enough_of_them_and_none_may_go_unmeasured() -> None:
    names = [attempt.name for attempt in (*HOSTILE, *cheating())]
    assert len({*names}) == len(names)
    assert len(HOSTILE) >= 40
    assert not [a.name for a in HOSTILE for outcome, _ in a.ends if outcome is Outcome.UNMEASURED]


def test_the_short_form_has_some_of_every_kind() -> None:
    assert {attempt.kind for attempt in HOSTILE if attempt.short} == {attempt.kind for attempt in HOSTILE}


HONEST = solves("honest", "", "the task", "")


@pytest.mark.parametrize("look", [gateway.dropped, gateway.refused, gateway.survived, *exhaust.COUNTS])
def test_a_look_complains_about_an_agent_that_did_nothing(seen: Seen, look: Look) -> None:
    assert [*look(seen)]


@pytest.fixture(scope="module")
def seen(field: Field) -> Seen:
    kept: list[Seen] = []
    report = field.face(Attempt(**{**vars(HONEST), "look": lambda seen: kept.append(seen) or ()}))
    assert report.held, report.complaint
    return kept[0]


@pytest.mark.parametrize("look", [gateway.dropped, gateway.refused, gateway.survived])
def test_what_reaches_the_model_is_seen(field: Field, look: Look) -> None:
    code = f'request(b\'{{"messages": [{{"role": "user", "content": "{gateway.MARK}"}}]}}\')'
    escapes = field.face(solves("asks", "", "", code, look=look)).escapes
    assert "what must not pass the gateway was written down or sent on" in escapes


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        (b'{"log": "TOKEN"}', "the job's own token was written down"),
        (b'{"log": "\\u001b[2J"}', "control characters reach whoever reads the log"),
        (b'{"log": "\\u202e"}', "control characters reach whoever reads the log"),
        (b" " * (MOST_WRITTEN + 1), f"{MOST_WRITTEN + 1} bytes were written down"),
        (b"\n" + CLAIM + b"here", "the agent says: b'here'"),
    ],
)
def test_what_is_written_down_is_searched(field: Field, seen: Seen, written: bytes, complaint: str) -> None:
    planted = Seen(**{**vars(seen), "written": written})
    assert [*field.escapes(planted, {"TOKEN"})] == [complaint]


def test_a_link_that_came_to_the_grader_is_seen(seen: Seen) -> None:
    planted = Seen(**{**vars(seen), "written": b'{"patch": "x\\nnew file mode 120000\\n"}'})
    assert [*returns.no_links(planted)]


@pytest.mark.parametrize("spelt", [lambda s: s, lambda s: s.hex().encode(), lambda s: b"xy" + s + b"z"])
def test_a_secret_is_found_in_any_spelling(ground: Ground, spelt) -> None:
    secret = ground.secrets["home"].encode()
    assert [*ground.leaks(b"before " + spelt(secret) + b" after")] == ["the secret of home came back"]


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc"])
def test_a_secret_is_found_in_base64_wherever_it_stands(ground: Ground, before: bytes) -> None:
    from base64 import b64encode

    assert [*ground.leaks(b64encode(before + ground.secrets["home"].encode() + b"more"))]


def test_what_a_hosts_git_would_run_is_seen(ground: Ground, tmp_path: Path) -> None:
    """So that the git attempts would be noticed, were the host ever to run git in a workspace."""
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    with (tmp_path / ".git" / "config").open("a") as config:
        config.write(f"[core]\nfsmonitor = touch {ground.folder}/touched; true\n")
    subprocess.run([*git, "status"], check=False, capture_output=True)
    assert [*ground.escapes()] == ["there is a new file on the host: 'touched'"]
    assert not [*ground.escapes()], "once only"


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with Ground() as ground:
        yield ground


def test_a_program_that_fails_on_its_way_has_tried_nothing(field: Field) -> None:
    report = field.face(Attempt(name="x", kind="", tries="", code=PRELUDE + "solve()\n1 / 0\n", ends={PASSED}))
    assert not report.held
    assert "ZeroDivisionError" in report.mishap
    assert report.attempt.look is nothing_more


@pytest.mark.skipif(not WHOLE, reason="only in the whole battery (HGM_BATTERY=whole)")
@pytest.mark.needs("root", "bubblewrap")
@pytest.mark.timeout(1200)
def test_all_of_this_holds_for_an_unprivileged_user() -> None:
    options = ("-q", "-p", "no:cacheprovider", "--override-ini=addopts=--strict-markers --import-mode=importlib")
    with TemporaryDirectory(prefix="hgm-test-", dir="/tmp") as folder:
        os.chown(folder, NOBODY, NOBODY)
        tests = [_python_for_everybody(), "-m", "pytest", *options, f"--basetemp={folder}/base", "-k", "bubblewrap"]
        found = _as_nobody([*tests, __file__], HOME=folder, PATH=os.environ["PATH"], HGM_BATTERY="whole")
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
    assert " passed" in found.stdout


def _python_for_everybody() -> str:
    """An interpreter as new as ours that any user may start: ours may lie in root's home."""
    check = "import sys, pytest, pytest_timeout, hypothesis; sys.exit(sys.version_info < (3, 11))"
    for path in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with suppress(OSError):
            if _as_nobody([path, "-c", check]).returncode == 0:
                return path
    pytest.skip("no interpreter that another user may start can run these tests")


def _as_nobody(command: list[str], **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd=CHECKOUT,
        env={"PYTHONPATH": f"{sysconfig.get_path('purelib')}:{CHECKOUT}", "PYTHONDONTWRITEBYTECODE": "1", **env},
        capture_output=True,
        text=True,
        timeout=1100,
        check=False,
    )
