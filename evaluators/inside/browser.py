"""Drives a browser for the host, which says over a socket what to do; its answers are the host's only view of a page.

A page's verdict is taken by a setter of the page's own variable, at the very moment when it first says that it is done.
What the agent sees never holds the page's own display of rewards, nor an attribute.
"""

import base64
import json
import re
import secrets
import socket
import struct
import sys
from contextlib import suppress

sys.path.insert(0, "/hgm/playwright")

from playwright.sync_api import Error, sync_playwright

SOCKET = "/hgm/browser/sock"
HEAD = struct.Struct("!I")
MOST = 1 << 20
SIZE = {"width": 332, "height": 214}
ACTION_MS = 1000
LOAD_MS = 10_000
DRAG_STEPS = 8
TEXT = 20_000
HIDDEN = "hgm-not-shown"
LATCH = """name => {
  let current = false, armed = false, first = null;
  Object.defineProperty(window, 'WOB_DONE_GLOBAL', {
    get: () => current,
    set: value => {
      current = value;
      if (armed && value && first === null) first = Number(window.WOB_RAW_REWARD_GLOBAL);
    },
  });
  Object.defineProperty(window, name, {value: arm => { armed = armed || arm; return {armed, first}; }});
}"""
START = """([name, seed, hidden]) => {
  for (const id of ['query', 'reward-display', 'sync-task-cover', 'click-canvas']) {
    const found = document.getElementById(id);
    if (found) { found.setAttribute('role', 'group'); found.setAttribute('aria-label', hidden); }
  }
  Math.seedrandom(seed);
  core.EPISODE_MAX_TIME = 2e9;
  window[name](true);
  core.startEpisodeReal();
}"""
READY = "() => WOB_TASK_READY === true"
GOAL = """() => {
  const said = core.getUtterance();
  return String(said && typeof said === 'object' ? said.utterance : said);
}"""
STATE = "name => window[name](false)"
FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
REASONS = (
    ("intercepts pointer events", "another element covers it"),
    ("outside of the viewport", "it is outside of what is seen, and cannot be scrolled there"),
    ("element is not visible", "it is not visible"),
    ("element is not enabled", "it is disabled"),
    ("element is not editable", "it cannot be edited"),
    ("element is not stable", "it does not stop moving"),
    ("not an <input>", "it is no text field"),
    ("not a <select>", "it is no list to select from"),
    ("did not find some options", "it has no such option"),
    ("Malformed value", "it does not take such a value"),
    ("Cannot type text into", "it does not take text"),
)


class Driver:
    """One browser with one page."""

    def __init__(self, browser):
        self.browser = browser
        self.name = f"hgm{secrets.token_hex(12)}"
        self.context = self.page = None
        self.url = ""
        self.away = ""
        self.notes = []
        self.is_watching = False

    def renew(self):
        """A page that knows nothing of those before it."""
        if self.context is not None:
            self.context.close()
        self.context = self.browser.new_context(viewport=SIZE, accept_downloads=False)
        self.context.set_default_timeout(ACTION_MS)
        self.context.set_default_navigation_timeout(LOAD_MS)
        self.context.add_init_script(f"({LATCH})({json.dumps(self.name)})")
        self.page = self.context.new_page()
        self.context.on("page", self.shut)
        self.page.on("dialog", self.dismiss)
        self.page.on("filechooser", lambda chooser: self.notes.append("the page asked for a file, and got none"))
        self.page.on("framenavigated", self.navigated)

    def shut(self, page):
        self.notes.append("a new window was closed at once")
        page.close()

    def dismiss(self, dialog):
        self.notes.append(f"the page said, and it was dismissed: {dialog.message[:200]}")
        dialog.dismiss()

    def navigated(self, frame):
        if self.is_watching and frame == self.page.main_frame:
            same = re.split("[?#]", frame.url)[0] == self.url
            self.away = self.away or ("reloaded" if same else "elsewhere")

    def load(self, url, seed, renew):
        self.is_watching = False
        if renew or self.page is None or self.page.is_closed():
            self.renew()
        else:
            self.page.mouse.up()
        self.url, self.away, self.notes = url, "", []
        self.page.goto(url, wait_until="load")
        self.page.evaluate(START, [self.name, seed, HIDDEN])
        if not self.page.evaluate(READY):
            self.page.wait_for_function(READY, timeout=LOAD_MS)
        self.is_watching = True
        return {"goal": self.page.evaluate(GOAL), **self.state()}

    def state(self):
        """Whether it is over, and how."""
        first = None
        if not self.away:
            first = self.page.evaluate(STATE, self.name)["first"]
        return {"first": first, "away": self.away}

    def observe(self, screenshot):
        text = self.page.locator("body").aria_snapshot(mode="ai", boxes=True)
        seen = {"text": shown(text)[:TEXT]}
        if screenshot:
            taken = self.page.screenshot(animations="allow", caret="initial", scale="css")
            seen["screenshot"] = base64.b64encode(taken).decode()
        return {**seen, **self.state()}

    def act(self, action, screenshot):
        name = action.pop("name")
        self.notes = []
        error = ""
        try:
            getattr(self, f"do_{name}")(**action)
        except Error as trouble:
            error = reason(trouble.message)
        except Refused as refusal:
            error = str(refusal)
        state = self.state()
        if state["away"] or state["first"] is not None:
            return {"error": error, "notes": self.notes, "text": "", **state}
        return {"error": error, "notes": self.notes, **self.observe(screenshot)}

    def element(self, bid):
        """What a line of the last observation stands for."""
        found = self.page.locator(f"aria-ref={bid}")
        if not found.count():
            raise Refused(f"there is no element {bid} any more")
        return found

    def do_click(self, bid, button="left", modifiers=()):
        self.element(bid).click(button=button, modifiers=list(modifiers))

    def do_dblclick(self, bid, button="left", modifiers=()):
        self.element(bid).dblclick(button=button, modifiers=list(modifiers))

    def do_hover(self, bid):
        self.element(bid).hover()

    def do_fill(self, bid, value):
        self.element(bid).fill(value)

    def do_clear(self, bid):
        self.element(bid).fill("")

    def do_focus(self, bid):
        self.element(bid).focus()

    def do_press(self, bid, key_comb):
        self.element(bid).press(key_comb)

    def do_select_option(self, bid, options):
        self.element(bid).select_option(options)

    def do_drag_and_drop(self, from_bid, to_bid):
        source, target = self.element(from_bid), self.element(to_bid)
        source.scroll_into_view_if_needed()
        self.drag(*middle(source), *middle(target))

    def do_scroll(self, delta_x, delta_y):
        self.page.mouse.wheel(delta_x, delta_y)
        self.page.evaluate(FRAMES)

    def do_mouse_move(self, x, y):
        self.page.mouse.move(x, y)

    def do_mouse_down(self, x, y, button="left"):
        self.page.mouse.move(x, y)
        self.page.mouse.down(button=button)

    def do_mouse_up(self, x, y, button="left"):
        self.page.mouse.move(x, y)
        self.page.mouse.up(button=button)

    def do_mouse_click(self, x, y, button="left"):
        self.page.mouse.click(x, y, button=button)

    def do_mouse_dblclick(self, x, y, button="left"):
        self.page.mouse.dblclick(x, y, button=button)

    def do_mouse_drag_and_drop(self, from_x, from_y, to_x, to_y):
        self.drag(from_x, from_y, to_x, to_y)

    def drag(self, from_x, from_y, to_x, to_y):
        self.page.mouse.move(from_x, from_y)
        self.page.mouse.down()
        self.page.mouse.move(to_x, to_y, steps=DRAG_STEPS)
        self.page.mouse.up()

    def do_keyboard_press(self, key):
        self.page.keyboard.press(key)

    def do_keyboard_type(self, text):
        self.page.keyboard.type(text)

    def do_noop(self, wait_ms=0):
        self.page.wait_for_timeout(wait_ms)


class Refused(Exception):
    """What cannot be done, in words for the agent."""


def middle(found):
    box = found.bounding_box()
    if box is None:
        raise Refused("it is not visible")
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def shown(text):
    """A snapshot without the page's goal and its display, which stand there under a label."""
    kept, hidden = [], None
    for line in text.splitlines():
        depth = len(line) - len(line.lstrip())
        if hidden is not None and depth > hidden:
            continue
        hidden = depth if line.lstrip().startswith(f'- group "{HIDDEN}"') else None
        if hidden is None:
            kept.append(line)
    return "\n".join(kept)


def reason(message):
    """Why Playwright did not do it, without its log, which quotes attributes of the page."""
    for part, words in REASONS:
        if part in message:
            return words
    return "it could not be done" if "Timeout" not in message else f"it could not be done within {ACTION_MS} ms"


def receive(connection):
    (length,) = HEAD.unpack(exactly(connection, HEAD.size))
    if length > MOST:
        raise ValueError("a message is too long")
    return json.loads(exactly(connection, length))


def exactly(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def send(connection, message):
    data = json.dumps(message).encode()
    connection.sendall(HEAD.pack(len(data)) + data)


def serve(connection, browser):
    """Answer until the host has heard enough."""
    driver = Driver(browser)
    does = {"load": driver.load, "observe": driver.observe, "act": driver.act}
    send(connection, {"ready": browser.version})
    while True:
        message = receive(connection)
        try:
            answer = does[message.pop("do")](**message)
        except Error as trouble:
            answer = {"trouble": trouble.message[:2000]}
        send(connection, answer)


def main():
    executable, *flags = sys.argv[1:]
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(SOCKET)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=flags, timeout=LOAD_MS * 3)
        with suppress(EOFError, ConnectionError):  # the host is gone, or needs no more
            serve(connection, browser)


if __name__ == "__main__":
    main()
