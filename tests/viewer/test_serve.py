"""`hgm serve` beside a run that goes on, and against who should not get an answer."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from hgm.document import tree_document
from hgm.jobs import Job, Result
from hgm.run import create, opened, read
from hgm.serving import application
from tests.hgm.simulated import SEED_AGENT, created, go_on
from tests.viewer import told
from tests.viewer.conftest import Seen


@pytest.fixture
def growing(tmp_path: Path) -> Path:
    return told.run(tmp_path, "growing", budget=60, stop_after=12)


@pytest.fixture
def server(growing: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    command = [sys.executable, "-u", "-m", "hgm", "serve", str(growing), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        found = re.match(r"(http://127\.0\.0\.1:\d+/) ", running.stdout.readline())
        assert found
        yield found[1], running
        running.terminate()


def ask(url: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), dict(error.headers)


@pytest.mark.needs("chromium")
def test_a_run_that_goes_on_arrives_without_a_reload(seen: Seen, growing: Path, server) -> None:
    url, _ = server
    page = seen.open(url)
    before = page.evaluate("hgm.visible()")
    assert before == len(read(growing).nodes)
    page.evaluate("hgm.select(0); window.same = true")
    go_on(growing, by=told.hostile)
    told.say(growing)
    after = len(read(growing).nodes)
    assert after > before
    seen.until(f"!Number.isNaN(hgm.position({after - 1}).x)")
    assert page.evaluate("window.same")
    assert seen.by("panel-title").inner_text().startswith("Agent 0")
    seen.by("results").locator("tbody button").first.click()
    seen.by("trajectory").get_by_text("I am done.").wait_for()
    page.keyboard.press("5")
    seen.by("tab-log").wait_for()
    assert {re.match(r"http://[^/]+/", request)[0] for request in seen.requests} == {url}  # type: ignore[index]
    assert seen.is_untouched()


@pytest.mark.needs("chromium")
def test_the_page_tells_what_waits_and_how_the_budget_is_used(seen: Seen, growing: Path, server) -> None:
    over = threading.Event()

    def limited(job: Job, slot: int) -> Result:
        told.wait_for_a_rate_limit(growing, job.id)
        over.wait(60)
        return told.hostile(job, slot)

    page = seen.open(server[0])
    assert "of 60 evaluations used" in seen.by("budget").inner_text()
    worker = threading.Thread(target=go_on, args=(growing,), kwargs={"by": limited, "stop_after": 1})
    worker.start()
    try:
        seen.by("waits").first.wait_for()
        shown = seen.by("waits").first.inner_text()
        assert "waits for a rate limit, for " in shown
        assert f"{told.MARKUP}: HTTP 429" in shown
        assert re.match(r"1 of \d+ workers? busy, 1 of them waiting", seen.by("busy").inner_text())
        document = tree_document(growing)
        use = document["spent"]["evaluations"]
        bar = seen.by("running").get_by_role("progressbar")
        assert bar.get_attribute("aria-valuenow") == str(round(100 * use["used"] / 60))
        words = f"{use['used']} of 60 evaluations used"
        assert str(bar.get_attribute("aria-valuetext")).startswith(words)
        assert seen.by("running").get_by_role("status").inner_text() == "Some jobs wait for their model."
        seconds = "Number(/for ([0-9]+)/.exec(document.querySelector('[data-testid=waits]').innerText)[1])"
        before = page.evaluate(seconds)
        seen.until(f"{seconds} > {before}")
    finally:
        over.set()
        worker.join()
    seen.until("document.querySelector('[data-testid=running]') === null")
    assert seen.is_untouched()


@pytest.mark.needs("chromium")
def test_long_lines_of_the_log_are_whole_and_within_the_page(seen: Seen, tmp_path: Path, written) -> None:
    path = told.run(tmp_path, "logged", budget=12)
    with opened(path) as run:
        run.stop(f"{told.MARKUP} {'agent 7 0.123, ' * 300}{'x' * 3000}\x1b[2J")
    page = seen.open(written(path))
    page.keyboard.press("5")
    first = seen.by("logged").first
    assert told.MARKUP in first.inner_text()
    first.get_by_role("button").click()
    assert first.inner_text().endswith("\\x1b[2J")
    assert page.evaluate("(log => log.scrollWidth <= log.clientWidth)(document.querySelector('.log'))")
    assert re.search(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d", first.inner_text())
    assert seen.is_untouched()


@pytest.mark.needs("chromium")
def test_who_is_killed_harms_nothing_and_the_page_says_so(seen: Seen, growing: Path, server) -> None:
    url, running = server
    seen.open(url)
    running.send_signal(signal.SIGKILL)
    running.wait()
    seen.until("document.querySelector('[data-testid=connection]').innerText == 'not connected'")
    go_on(growing, by=told.hostile)
    assert read(growing).winner is not None


def test_the_data_can_be_asked_for(growing: Path, server) -> None:
    url, _ = server
    status, text, headers = ask(f"{url}api/documents")
    (document,) = json.loads(text)["documents"]
    assert (status, document["run"], headers["x-content-type-options"]) == (200, "growing", "nosniff")
    assert json.loads(ask(f"{url}api/runs/growing/document")[1])["nodes"] == document["nodes"]
    assert "diff --git" in ask(f"{url}api/runs/growing/diff/1")[1]
    job = read(growing).evaluations[0].job
    assert json.loads(ask(f"{url}api/runs/growing/trajectory/{job}")[1])["turns"][-1]["text"] == "I am done."
    log = json.loads(ask(f"{url}api/runs/growing/log")[1])
    assert log["omitted"] == 0
    last = log["entries"][-1]
    assert last["text"]
    before = json.loads(ask(f"{url}api/runs/growing/log?before={last['seq']}")[1])
    assert before == {"entries": log["entries"][:-1], "omitted": 0}


@pytest.mark.parametrize(
    "path",
    [
        "api/runs/other/document",
        "api/runs/growing/diff/0",
        "api/runs/growing/diff/999",
        "api/runs/growing/trajectory/e99999",
        "api/runs/growing/trajectory/..%2f..%2fconfig",
        "api/runs/growing/trajectory/x*",
        "api/runs/..%2fgrowing/document",
        "api/nothing",
    ],
)
def test_what_there_is_not_is_not_found(path: str, server) -> None:
    assert ask(server[0] + path)[0] == 404


def test_sealed_trajectories_are_not_told(growing: Path, server) -> None:
    go_on(growing, by=told.hostile)
    told.say(growing)
    sealed = [item.job for item in read(growing).evaluations if item.split == "sealed"]
    assert sealed
    assert {ask(f"{server[0]}api/runs/growing/trajectory/{job}")[0] for job in sealed} == {404}


def test_a_page_of_another_site_gets_no_answer(server) -> None:
    url, _ = server
    for host in ("rebound.example.org", "rebound.example.org:80", "127.0.0.1.example.org", "", "[::1].example.org"):
        assert ask(f"{url}api/documents", Host=host)[0] == 400, host
    for host in ("127.0.0.1", "LOCALHOST:8420", "[::1]:8420", "192.0.2.7"):
        assert ask(f"{url}api/documents", Host=host)[0] == 200, host
    status, _, headers = ask(url)
    assert status == 200
    assert "access-control-allow-origin" not in headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "script-src 'sha256-" in headers["content-security-policy"]


def test_nothing_can_be_changed(server) -> None:
    for method in ("POST", "PUT", "DELETE"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(f"{server[0]}api/documents", method=method))
        with refused.value as answer:
            assert answer.code == 405


def test_ctrl_c_ends_it_quietly(server) -> None:
    url, running = server
    ask(url)
    os.kill(running.pid, signal.SIGINT)
    assert running.wait(timeout=10) in (0, 130)


def test_a_run_that_is_gone_leaves_the_others_to_be_seen(growing: Path, tmp_path: Path) -> None:
    other = told.run(tmp_path, "other", budget=20)
    with TestClient(application([growing, other], hosts=["testserver"])) as client:
        shutil.rmtree(growing)
        told_ = client.get("/api/documents").json()
        assert [document["run"] for document in told_["documents"]] == ["other"]
        assert [item["run"] for item in told_["unreadable"]] == ["growing"]
        gone = client.get("/api/runs/growing/document")
        assert (gone.status_code, "no such run" in gone.text) == (410, True)
        assert client.get("/api/runs/other/document").json()["run"] == "other"


def test_the_viewer_of_a_search_ends_with_it_however_it_ends(growing: Path) -> None:
    code = f"""
import subprocess, sys
serve = [sys.executable, "-u", "-m", "hgm", "serve", {str(growing)!r}, "--port", "0", "--wait"]
with subprocess.Popen(serve, start_new_session=True, stdin=subprocess.PIPE) as viewer:
    print("begun", flush=True)
    viewer.wait()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as search:
        assert search.stdout
        assert search.stdout.readline() == "begun\n"
        search.kill()
        assert search.stdout.read() == "", "the viewer, which holds the other end, is gone"


def test_an_evaluation_has_no_tree_to_show(tmp_path: Path) -> None:
    path = tmp_path / "measured"
    create(path, {**created(budget=4), "evaluation": {"split": "search", "repeats": 1}}, SEED_AGENT)
    for command in ("serve", "tree show", "tree export"):
        done = subprocess.run(
            [sys.executable, "-m", "hgm", *command.split(), str(path)], capture_output=True, text=True, check=False
        )
        assert (done.returncode, "which grows no tree" in done.stderr) == (2, True), done.stderr


def test_a_run_that_is_not_there_is_the_users_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hgm", "serve", "nothing", "--runs-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no such run" in done.stderr
