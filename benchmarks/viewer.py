"""What it takes to export a run of 10,000 agents and 1,000,000 evaluations, and to open its page in a browser.

    python -m benchmarks.viewer --folder DIR [--agents N] [--evaluations N]

Makes the run in DIR, unless it is there from the last time. Seconds are of the whole command, replay included; memory
is the largest that its process held. The page is opened by Chromium without a screen at 1440 x 900: first paint is from
the navigation to the drawn tree, and frames are counted over two seconds of dragging.
"""

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hgm.gateway.records import Usage
from hgm.run import Folder
from sandboxes.base import File
from trees.archive import Archive
from trees.journal import Journal

TASKS = 200
RESULTS = Path(__file__).parent / "results" / "viewer.json"
FRAMES = """new Promise(done => {
  const began = performance.now(); let frames = 0;
  const count = () => {
    frames += 1;
    performance.now() - began < 2000 ? requestAnimationFrame(count) : done(frames / 2);
  };
  requestAnimationFrame(count);
})"""


def agent(number: int) -> dict[bytes, File]:
    manifest = b'protocol = 1\nname = "seed"\ncommand = ["python3", "main.py"]\n'
    return {b"agent.toml": File(manifest), b"main.py": File(f"STEPS = {number}\n".encode())}


def make(path: Path, agents: int, evaluations: int) -> None:
    """A run as a long search would leave it."""
    folder = Folder(path)
    folder.trajectories.mkdir(parents=True)
    folder.grading.mkdir()
    archive = Archive.create(folder.archive)
    with Journal.create(folder.journal) as journal:
        batch = []
        for event in _events(archive, agents, evaluations):
            batch.append(event)
            if len(batch) == 20_000:
                journal.append_all(batch)
                batch = []
        journal.append_all(batch)


def _events(archive: Archive, agents: int, evaluations: int) -> Iterator[tuple[str, dict[str, Any]]]:
    from tests.hgm.simulated import created

    chance, job = random.Random(1), 0
    root = archive.add_root(agent(0))
    commits = [root.commit]
    tasks = [f"family-{number:03d}" for number in range(TASKS)]
    yield "created", {**created(budget=evaluations), "search_tasks": tasks, "root": root._asdict()}
    yield "opened", {"cut_off_s": 0.0}
    for node in range(agents):
        if node:
            parent = chance.randrange(max(0, node - 200), node)
            entry = archive.add_child(commits[parent], agent(node), "a change", job)
            commits.append(entry.commit)
            name, commit = f"x{job:05d}", commits[parent]
            yield (
                "started",
                {
                    "type": "expand",
                    "id": name,
                    "node": parent,
                    "commit": commit,
                    "evidence": [],
                    "seed": job,
                    "mode": "reaction_norm",
                    "instead_of": None,
                    "lineage": [],
                    "others": [],
                    "agents": node,
                },
            )
            yield (
                "finished",
                {
                    "job": name,
                    "kind": "child",
                    "reason": "",
                    "brief": "Look at what tests print.",
                    "notes": [],
                    "usage": usage(chance),
                    "wall_s": 3.0,
                    "commit": entry.commit,
                    "tree": entry.tree,
                },
            )
            job += 1
        for task in chance.sample(tasks, evaluations // agents):
            name, passed = f"e{job:05d}", chance.random() < 0.4
            yield (
                "started",
                {
                    "type": "evaluate",
                    "id": name,
                    "node": node,
                    "commit": commits[node],
                    "split": "search",
                    "task": task,
                    "repeat": 0,
                    "seed": job,
                },
            )
            yield (
                "finished",
                {
                    "job": name,
                    "outcome": "passed" if passed else "failed",
                    "usage": usage(chance),
                    "wall_s": 2.5,
                    "cause": "" if passed else chance.choice(["tests", "unchanged", "deadline"]),
                    "detail": "ended with status 0",
                    "official": None,
                    "note": "",
                },
            )
            job += 1


def usage(chance: random.Random) -> dict[str, Any]:
    return Usage(calls=9, input_tokens=chance.randrange(50_000), output_tokens=chance.randrange(5_000))._asdict()


def exported(path: Path, file: Path) -> dict[str, float]:
    """Seconds, memory in MiB and size in MB of one export."""
    command = [sys.executable, "-m", "hgm", "tree", "export", str(path), "-o", str(file)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, time.monotonic()
    subprocess.run(command, check=True)
    took = time.monotonic() - began
    memory = max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024
    return {"seconds": round(took, 1), "memory_mib": round(memory), "size_mb": round(file.stat().st_size / 1e6, 1)}


def opened(file: Path) -> dict[str, float]:
    """Seconds to the first picture, and frames per second while the tree is dragged."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        began = time.monotonic()
        page.goto(file.absolute().as_uri(), wait_until="commit")
        page.wait_for_selector("[data-testid=tree-canvas]")
        page.evaluate("hgm.ready")
        painted = time.monotonic() - began
        page.mouse.move(700, 500)
        page.mouse.down()
        page.evaluate(f"window.frames_ = {FRAMES}; 0")
        until = time.monotonic() + 2
        place = 0
        while time.monotonic() < until:
            place = (place + 7) % 300
            page.mouse.move(700 + place, 500 + place // 2)
        frames = page.evaluate("window.frames_")
        page.mouse.up()
        browser.close()
    return {"first_paint_s": round(painted, 2), "pan_frames_per_s": round(frames, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--evaluations", type=int, default=1_000_000)
    asked = parser.parse_args()
    path = asked.folder / f"run-{asked.agents}-{asked.evaluations}"
    if not path.is_dir():
        print("making the run (two minutes) ...", flush=True)
        make(path, asked.agents, asked.evaluations)
    found: dict[str, Any] = {"agents": asked.agents, "evaluations": asked.evaluations}
    for kind in ("json", "html"):
        found[kind] = exported(path, asked.folder / f"tree.{kind}")
    found["page"] = opened(asked.folder / "tree.html")
    text = json.dumps(found, indent=2) + "\n"
    print(text, end="")
    if (asked.agents, asked.evaluations) == (10_000, 1_000_000):
        RESULTS.write_text(text)


if __name__ == "__main__":
    main()
