"""Pages of our own for the browser, beside those of MiniWoB++: each does something that a hostile agent might want."""

import shutil
from pathlib import Path

from evaluators.base import Played, Split, Task
from evaluators.gui.pages import pages_folder

_PAGE = """<!DOCTYPE html>
<html><head><title>A test</title>
<link rel="stylesheet" type="text/css" href="../core/core.css">
<script src="../core/core.js"></script>
<script>
core.EPISODE_MAX_TIME = 5000;
var genProblem = function() {{ document.getElementById('query').innerHTML = 'Do it.'; {begin} }};
window.onload = function() {{ core.startEpisode(); }};
</script></head>
<body><div id="wrap"><div id="query"></div><div id="area">{area}</div></div></body></html>
"""
AREAS = {
    "rewards": "".join(
        f'<button onclick="core.endEpisode({reward})">{name}</button>'
        for name, reward in (("half", "0.5"), ("lost", "-1"), ("won", "1"), ("late", "1, true"))
    ),
    "link": '<a href="other.html">elsewhere</a><a href="#there">there</a><a href="file:///etc/passwd">file</a>',
    "other": "<p>another page</p>",
    "windows": (
        '<a href="windows.html" target="_blank">opens</a>'
        "<button onclick=\"window.open('rewards.html')\">pops</button>"
        '<a href="windows.html">plain</a>'
    ),
    "dialogs": "<button onclick=\"alert('hello'); confirm('sure?'); prompt('what?'); "
    "this.textContent = 'after'\">talk</button>",
    "loop": '<button onclick="while (true) {}">hang</button><button onclick="this.textContent=\'fine\'">go on</button>',
    "memory": '<button onclick="const kept = []; while (true) kept.push(new Uint8Array(1 << 26).fill(1))">eat</button>',
    "form": '<form><input name="x"><button>send</button></form>',
    "both": '<form onsubmit="core.endEpisode(1)"><input name="x"><button>send</button></form>',
    "file": '<input type="file" aria-label="upload">',
    "leaks": (
        '<button data-result="SECRET-1" id="SECRET-2" class="SECRET-3" name="SECRET-4" '
        'onclick="0 // SECRET-5">a</button>'
        '<input type="hidden" value="SECRET-6"><!-- SECRET-7 --><p style="display:none">SECRET-8</p>'
        '<a href="#SECRET-9">b</a>'
    ),
    "text": '<textarea style="width:140px;height:40px"></textarea><div style="height:60px">below</div>',
    "calibration": "".join(
        f'<div style="position:absolute;left:{x}px;top:{y}px;width:8px;height:8px;background:rgb(255,0,{blue})" '
        f"onclick=\"document.title += '{blue};'; this.textContent += 'x'\"></div>"
        for x, y, blue in ((10, 60, 1), (140, 60, 2), (10, 190, 3), (140, 190, 4))
    ),
}
_BEGIN = {"timer": "setTimeout(() => core.endEpisode(1), 50); setTimeout(() => { WOB_RAW_REWARD_GLOBAL = -1 }, 60);"}


def write_pages(folder: Path) -> Path:
    """The pages of MiniWoB++ with ours among them."""
    shutil.copytree(pages_folder(), folder)
    for name in {*AREAS, *_BEGIN}:
        page = _PAGE.format(begin=_BEGIN.get(name, ""), area=AREAS.get(name, ""))
        (folder / "miniwob" / f"{name}.html").write_text(page)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def page_task(page: str, seed: int = 0, steps: int = 20) -> Task:
    return Task(
        id=f"{page}@{seed}",
        benchmark="miniwob",
        split=Split.DEV,
        statement="",
        workspace={},
        test_command=(),
        grading=Played(page=page, seed=seed, steps=steps),
        reference={},
    )
