"""Scripts that know how some pages are solved: they show that a page can be, and that its checker is right.

They act through an episode alone and read nothing but its goal and its text, as any agent does.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from types import MappingProxyType
from typing import TypeAlias

from evaluators.base import Json
from evaluators.gui.base import Episode, Observation
from evaluators.gui.tree import Element, parsed

Solve: TypeAlias = "Callable[[Player], None]"
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_ORDINALS = {"1st": 0, "2nd": 1, "3rd": 2, "4th": 3, "5th": 4, "6th": 5, "7th": 6, "8th": 7, "9th": 8}
_COLORS = {
    "black": "000000",
    "white": "FFFFFF",
    "red": "FF0000",
    "lime": "00FF00",
    "green": "00FF00",
    "blue": "0000FF",
    "yellow": "FFFF00",
    "cyan": "00FFFF",
    "magenta": "FF00FF",
    "grey": "808080",
    "olive": "808000",
    "orange": "FFA500",
    "pink": "FFC0CB",
    "purple": "800080",
    "brown": "A52A2A",
    "aqua": "00FFFF",
    "navy": "000080",
    "teal": "008080",
    "maroon": "800000",
    "silver": "C0C0C0",
    "fuchsia": "FF00FF",
}


class Stuck(Exception):
    """The page is not as the script knows it."""


class Player:
    """An episode with what has been seen of it last, as elements."""

    def __init__(self, episode: Episode) -> None:
        self._episode = episode
        self.look()

    def _take(self, seen: Observation) -> None:
        self.seen = seen
        self.page = parsed(seen.text)

    def look(self) -> None:
        """Observe without a step."""
        self._take(self._episode.observe())

    @property
    def goal(self) -> str:
        return self.seen.goal

    def do(self, name: str, **parameters: Json) -> None:
        """One action; one that does nothing ends the script.

        Raises:
            Stuck: it did nothing, or nothing is done any more.
        """
        self._take(self._episode.step({"name": name, **parameters}))
        if self.seen.error:
            raise Stuck(f"{name} {parameters}: {self.seen.error}")

    def goal_words(self, pattern: str) -> tuple[str, ...]:
        """What a pattern's groups match in the goal."""
        if (found := re.search(pattern, self.goal)) is None:
            raise Stuck(f"the goal is not {pattern!r}: {self.goal!r}")
        return tuple(group or "" for group in found.groups())

    def all(self, role: str = "", *, says: str | None = None, where: Element | None = None) -> list[Element]:
        """Elements that have a ref, of this role, that say exactly this."""
        return [
            found
            for found in (where or self.page)
            if found.ref and (not role or found.role == role) and (says is None or said(found) == says)
        ]

    def one(self, role: str = "", *, says: str | None = None, number: int = 0, where: Element | None = None) -> Element:
        """The element of that number."""
        found = self.all(role, says=says, where=where)
        if not -len(found) <= number < len(found):
            raise Stuck(f"there is no {role} {says!r} number {number}")
        return found[number]

    def click(self, found: Element, **more: Json) -> None:
        self.do("click", bid=found.ref, **more)

    def click_at(self, found: Element) -> None:
        x, y = found.middle
        self.do("mouse_click", x=x, y=y)

    def fill(self, found: Element, value: str) -> None:
        self.do("fill", bid=found.ref, value=value)

    def submit(self, says: str = "Submit") -> None:
        self.click(self.one("button", says=says))


def said(found: Element) -> str:
    """What an element says: its name, or else its text."""
    return found.name or found.text


def play(episode: Episode, solve: Solve) -> str:
    """Let a script act; why it gave up, empty if it did not."""
    try:
        solve(Player(episode))
    except Stuck as stuck:
        return str(stuck)
    except (LookupError, StopIteration, AssertionError) as error:
        return f"the page is not as the script knows it: {type(error).__name__}: {error}"
    return ""


def do_nothing(player: Player) -> None:
    """An agent that does nothing."""


def at_random(random: Random, steps: int = 10) -> Solve:
    """An agent that clicks, types and drags whatever it sees."""

    def solve(player: Player) -> None:
        for _ in range(steps):
            if player.seen.done or not (found := player.all()):
                return
            target = random.choice(found)
            try:
                if target.role in ("textbox", "spinbutton", "searchbox"):
                    player.fill(target, random.choice(("1", "a", "hello")))
                elif target.role in ("combobox", "listbox") and target.below:
                    player.do("select_option", bid=target.ref, options=[said(random.choice(target.below))])
                elif random.random() < 0.1:
                    player.do("drag_and_drop", from_bid=target.ref, to_bid=random.choice(found).ref)
                else:
                    player.click(target)
            except Stuck:
                continue

    return solve


# One script per page.


def click_named(pattern: str, role: str = "button") -> Solve:
    def solve(player: Player) -> None:
        player.click(player.one(role, says=player.goal_words(pattern)[0]))

    return solve


def click_first_button(player: Player) -> None:
    player.click(player.one("button"))


def click_in_order(player: Player) -> None:
    for name in player.goal_words(r"button (\w+), then click button (\w+)"):
        player.click(player.one("button", says=name))


def ascending(player: Player) -> None:
    """All but the next are hidden as soon as the first is clicked."""
    found = [each for each in player.all() if re.fullmatch(r"-?\d+", each.text)]
    for each in sorted(found, key=lambda each: int(each.text)):
        player.click_at(each)


def checkboxes(player: Player) -> None:
    wanted = player.goal_words(r"Select (.*) and click Submit")[0]
    names = [] if wanted == "nothing" else wanted.split(", ")
    for name in names:
        player.click(player.one("checkbox", says=name))
    player.submit()


def option(player: Player) -> None:
    player.click(player.one("radio", says=player.goal_words(r"Select (.*) and click Submit")[0]))
    player.submit()


def choose_list(player: Player) -> None:
    name = player.goal_words(r"Select (.*) from the list")[0]
    player.do("select_option", bid=player.one("combobox").ref, options=[name])
    player.submit()


def scroll_list(player: Player) -> None:
    names = player.goal_words(r"Select (.*) from the scroll list")[0].split(", ")
    player.do("select_option", bid=player.one("listbox").ref, options=list(names))
    player.submit()


def collapsible(player: Player) -> None:
    player.click(player.one("tab"))
    player.do("noop", wait_ms=600)
    player.submit()


def collapsible_link(player: Player) -> None:
    wanted = player.goal_words(r'link "(.*)"')[0]
    for number in range(len(sections(player))):
        if player.all("link", says=wanted):
            break
        player.click(sections(player)[number])
        player.do("noop", wait_ms=600)
    player.click(player.one("link", says=wanted))


def sections(player: Player) -> list[Element]:
    return [found for found in player.all("tab") if found.name.startswith("Section")]


def tab(player: Player) -> None:
    player.click(player.one("link", says=player.goal_words(r"on (Tab #\d+)")[0]))


def tab_link(player: Player) -> None:
    wanted = player.goal_words(r'link "(.*)"')[0]
    for number in range(len(player.all("tab"))):
        here = [found for panel in player.all("tabpanel") for found in panel if said(found) == wanted and found.ref]
        if here:
            player.click(here[0])
            return
        player.click(player.all("link", where=player.all("tablist")[0])[number + 1])
    raise Stuck(f"no link {wanted!r} in any tab")


def dialog(player: Player) -> None:
    player.click(player.one("button", says="Close"))


def dialog_button(player: Player) -> None:
    wanted = player.goal_words(r'labeled "(.*)"')[0]
    player.click(player.one("button", says="Close" if wanted == "x" else wanted))


def menu(player: Player) -> None:
    *above, last = player.goal_words(r"Select (.*)")[0].split(">")
    for name in above:
        player.do("hover", bid=player.one("menuitem", says=name.strip()).ref)
        player.do("noop", wait_ms=500)
    player.click(player.one("menuitem", says=last.strip()))


def widget(player: Player) -> None:
    wanted = player.goal_words(r'on a "(.*)" widget')[0]
    if wanted in ("text", "textarea"):  # areas are higher than fields
        found = [each for each in player.all("textbox") if each.box and (each.box[3] > 23) == (wanted == "textarea")]
        if not found:
            raise Stuck("no such field")
        player.click(found[0])
        return
    player.click(player.one(wanted))


def copied_text(player: Player) -> None:
    number = _ORDINALS[player.goal_words(r"the (\w+) text area")[0]] if "text area " in player.goal else 0
    fields = player.all("textbox")
    source = [found for found in fields if found.text][number]
    target = next(found for found in fields if not found.text)
    for key in ("Control+a", "Control+c"):
        player.do("press", bid=source.ref, key_comb=key)
    player.do("press", bid=target.ref, key_comb="Control+v")
    player.submit()


def enter(pattern: str, button: str = "Submit", change: Callable[[str], str] = str) -> Solve:
    """The same text into every field."""

    def solve(player: Player) -> None:
        text = change(player.goal_words(pattern)[0])
        for found in player.all("textbox"):
            player.fill(found, text)
        player.submit(button)

    return solve


def enter_cased(player: Player) -> None:
    text, case = player.goal_words(r'Type "(.*)" in all (\w+) case')
    player.fill(player.one("textbox"), text.upper() if case == "upper" else text.lower())
    player.submit()


def enter_date(player: Player) -> None:
    month, day, year = player.goal_words(r"(\d+)/(\d+)/(\d+)")
    player.fill(player.one("textbox"), f"{year}-{month}-{day}")
    player.submit()


def enter_time(player: Player) -> None:
    hour, minute, half = player.goal_words(r"(\d+):(\d+) (AM|PM)")
    player.fill(player.one("textbox"), f"{int(hour) % 12 + 12 * (half == 'PM'):02}:{minute}")
    player.submit()


def text_transform(player: Player) -> None:
    above = player.one("textbox").above
    assert above is not None
    signs = [found.text for found in player.all() if len(found.text) == 1]
    player.fill(player.one("textbox"), "".join(signs))
    player.submit()


def login(player: Player) -> None:
    user, word = player.goal_words(r'username "(.*)" and the password "(.*)" into')
    for number, text in enumerate((user, word)):
        player.fill(player.one("textbox", number=number), text)
        for name in ("Cancel", "No", "no", "CANCEL", "x", "X"):
            if refused := player.all("button", says=name):
                player.click(refused[0])
    for number, text in enumerate((user, word)):
        if player.one("textbox", number=number).text != text:
            player.fill(player.one("textbox", number=number), text)
    player.click(next(found for found in player.all("button") if said(found) in ("Login", "OK", "Log in", "Sign in")))


def focus(player: Player) -> None:
    found = re.search(r"the (\w+) input", player.goal)
    player.do("focus", bid=player.one("textbox", number=_ORDINALS[found[1]] if found else 0).ref)


def find_word(player: Player) -> None:
    number = int(player.goal_words(r"the (\d+)\w\w word")[0])
    words = player.one("paragraph").words.split()
    player.fill(player.one("textbox"), words[number - 1].strip(".,"))
    player.submit()


def find_greatest(player: Player) -> None:
    cards = [found for found in player.all("generic") if re.fullmatch(r"\d+", found.text)]
    player.click(max(cards, key=lambda found: int(found.text)))
    player.submit()


def sequence_3(player: Player) -> None:
    chosen, pressed = player.goal_words(r'Choose (.*) from the dropdown, then click the button labeled "(.*)"')
    player.do("select_option", bid=player.one("combobox").ref, options=[chosen])
    player.click(player.one("button", says=pressed))


def generate(player: Player) -> None:
    how, bound = player.goal_words(r"(less|greater|odd|even)\b(?: number)?(?: than)? ?(\d+)?")
    for _ in range(25):
        player.click(player.one("button", says="Generate"))
        shown = next(int(found.text) for found in player.all("generic") if re.fullmatch(r"-?\d+", found.text))
        good = {
            "less": bool(bound) and shown < int(bound or 0),
            "greater": bool(bound) and shown > int(bound or 0),
            "odd": shown % 2 == 1,
            "even": shown % 2 == 0,
        }
        if good[how]:
            break
    player.submit()


def guess(player: Player) -> None:
    least, most = map(int, player.goal_words(r"between (\d+)-(\d+)"))
    while least <= most and not player.seen.done:
        tried = (least + most) // 2
        player.fill(player.one("spinbutton"), str(tried))
        player.submit()
        told = player.page.words
        if "lower than" in told:
            most = tried - 1
        elif "higher than" in told:
            least = tried + 1


def grid(player: Player) -> None:
    x, y = map(int, player.goal_words(r"\((-?\d+),\s*(-?\d+)\)"))
    points = [found.middle for found in player.all("generic") if found.box and found.box[2:] == (8, 8)]
    across, down = (sorted({point[axis] for point in points}) for axis in (0, 1))
    player.do("mouse_click", x=across[len(across) // 2 + x], y=down[len(down) // 2 - y])


def highlight(player: Player) -> None:
    found = re.search(r"the (\w+) paragraph", player.goal)
    target = player.one("paragraph", number=_ORDINALS[found[1]]) if found else text_block(player)
    assert target.box
    left, top, width, height = target.box
    player.do("mouse_drag_and_drop", from_x=left + 1, from_y=top + 3, to_x=left + width + 5, to_y=top + height - 3)
    player.submit()


def text_block(player: Player) -> Element:
    return max((found for found in player.all("generic") if found.text), key=lambda found: len(found.text))


def movies(player: Player) -> None:
    wanted = dict(zip(("genre", "director", "year"), movie_words(player), strict=True))
    for label, value in wanted.items():
        player.fill(field_of(player, label), value)
    player.click([found for found in player.all() if said(found)][-1])


def movie_words(player: Player) -> tuple[str, ...]:
    return player.goal_words(r"for (\S+) movies directed by (\S+) from year (\d+)")


def field_of(player: Player, label: str) -> Element:
    """The field that stands beside such a label, or else the first one behind it."""
    named = {"year": ("year", "date")}.get(label, (label,))
    flat = list(player.page)
    for at, found in enumerate(flat):
        if any(word in said(found).lower() for word in named) and found.above is not None:
            beside = [each for each in found.above if each.role == "textbox"]
            fields = [each for each in flat[at:] if each.role == "textbox"]
            if beside or fields:
                return (beside if len(beside) == 1 else fields)[0]
    raise Stuck(f"no field for {label}")


def odd_or_even(player: Player) -> None:
    for number in [found for found in player.all("generic") if re.fullmatch(r"-?\d+", found.text)]:
        wanted = "Odd" if int(number.text) % 2 else "Even"
        row = number.above
        assert row is not None
        player.click(player.one("button", says=wanted, where=row))
    player.submit()


def food(player: Player) -> None:
    if found := re.search(r"Order one of each item: (.*)", player.goal):
        wanted = found[1].split(", ")
        for name in wanted:
            player.click(player.one("button", says="+", where=dish(player, partial(has_words, name))))
    else:
        count, kind = player.goal_words(r"Order (\d+) items that are (.*)")
        row = dish(player, lambda row: any(each.role == "img" and each.name == kind for each in row))
        for _ in range(int(count)):
            bid = player.one("button", says="+", where=dish(player, lambda now: first_name(now) == first_name(row)))
            player.click(bid)
    player.submit(next(said(found) for found in player.all("button") if said(found) not in ("+", "-")))


def has_words(words: str, row: Element) -> bool:
    return words in row.words


def dish(player: Player, is_it: Callable[[Element], bool]) -> Element:
    for row in player.all("generic"):
        buttons = [each for each in row if each.role == "button"]
        if [said(each) for each in buttons] == ["-", "+"] and len(row.below) == 2 and is_it(row):
            return row
    raise Stuck("no such dish")


def first_name(row: Element) -> str:
    return next(said(found) for found in row if said(found))


def phone_book(player: Player) -> None:
    name, what = player.goal_words(r"Find (\S+) in the contact book and click on their (.*)\.")
    label = {"address": "Address:", "email": "Email:", "phone number": "Phone:", "phone": "Phone:"}[what]
    for _ in range(10):
        if player.one("heading").name == name:
            row = next(found for found in player.all("generic") if any(each.text == label for each in found.below))
            player.click(row.below[-1])
            return
        player.click(player.one("link", says=">"))
    raise Stuck(f"{name} is not in the book")


def read_table(player: Player) -> None:
    wanted = player.goal_words(r"value of (.*) into")[0]
    player.fill(player.one("textbox"), cell_of(player, wanted))
    player.submit()


def cell_of(player: Player, label: str) -> str:
    for row in player.all("row"):
        cells = [said(found) for found in row.below]
        if cells and cells[0] == label:
            return cells[1]
    raise Stuck(f"no row {label!r}")


def read_table_2(player: Player) -> None:
    for number in range(len(player.all("textbox"))):
        found = player.one("textbox", number=number)
        player.fill(found, cell_of(player, label_before(player, found)))
    player.submit()


def label_before(player: Player, field: Element) -> str:
    flat = list(player.page)
    texts = [said(found) for found in flat[: flat.index(field)] if said(found) and found.role != "textbox"]
    return (field.name or texts[-1]).strip().rstrip(":")


def resize(player: Player) -> None:
    measure, change = player.goal_words(r"so that the (\w+) is (\w+) than")
    box = player.one("textbox").box
    assert box
    by = -20 if change == "smaller" else 20
    x, y = box[0] + box[2] - 4, box[1] + box[3] - 4
    across, down = (by, 0) if measure == "width" else (0, by)
    player.do("mouse_drag_and_drop", from_x=x, from_y=y, to_x=x + across, to_y=y + down)
    player.submit()


def last_word(player: Player) -> None:
    words = player.one("textbox").text.split()
    player.fill(player.one("textbox", number=1), words[-1].strip(".,"))
    player.submit()


def scroll_text(player: Player) -> None:
    x, y = player.one("textbox").middle
    player.do("mouse_move", x=x, y=y)
    player.do("scroll", delta_x=0, delta_y=9000 if "bottom" in player.goal else -9000)
    player.submit()


def search(player: Player) -> None:
    text, number = player.goal_words(r'enter "(.*)" and press "Search", then find and click the (\d+)\w\w search')
    player.fill(player.one("textbox"), text)
    player.click(player.one("button", says="Search"))
    wanted = int(number) - 1
    for _ in range(wanted // 3):
        player.click(player.one("link", says=">"))
    results = [found for found in player.all("link") if not re.fullmatch(r"\d+|[<>«»]", said(found))]
    player.click(results[wanted % 3])


def agreement(player: Player) -> None:
    pressed = "Cancel" if "cancel" in player.goal.lower() else "Agree"
    if "enter the name" not in player.goal and pressed == "Cancel":
        player.click(player.one("button", says="Cancel"))
        return
    area = player.one("textbox")
    x, y = area.middle
    player.do("mouse_move", x=x, y=y)
    player.do("scroll", delta_x=0, delta_y=9000)
    name = player.one("textbox", number=1)
    player.fill(name, player.goal_words(r'"([^"]*)"')[0] if '"' in player.goal else "Me")
    player.click(player.one("button", says=pressed))


def algebra(player: Player) -> None:
    left, sign, right, result = next(
        found.groups()
        for each in player.all("generic")
        if (found := re.fullmatch(r"(\S+) ([-+]) (\S+) = (-?\d+)", each.text))
    )
    total = int(result)
    if right == "x":
        answer = total - int(left) if sign == "+" else int(left) - total
    else:
        answer = total - int(right) if sign == "+" else total + int(right)
    player.fill(player.one("textbox"), str(answer))
    player.submit()


def arithmetic(player: Player) -> None:
    left, sign, right = next(
        found.groups()
        for each in player.all("generic")
        if (found := re.match(r"(-?\d+) ?([-+x×*]) ?(-?\d+) ?=", each.text))
    )
    made = {"+": int(left) + int(right), "-": int(left) - int(right)}.get(sign, int(left) * int(right))
    player.fill(player.one("textbox"), str(made))
    player.submit()


def autocomplete(player: Player) -> None:
    begin = player.goal_words(r'starts with "([^"]*)"')[0]
    ends = re.search(r'ends with "([^"]*)"', player.goal)
    field = player.one("textbox")
    player.click(field)
    player.do("keyboard_type", text=begin)
    player.do("noop", wait_ms=800)
    offered = [found for found in player.all() if fits(said(found), begin, ends[1] if ends else "")]
    if not offered:
        raise Stuck("nothing fitting is offered")
    player.click_at(offered[-1])
    player.submit()


def fits(text: str, begin: str, end: str) -> bool:
    return text.startswith(begin) and text.endswith(end) and len(text) > len(begin)


def color(player: Player) -> None:
    wanted = player.goal_words(r"Select (\w+) with")[0]
    player.fill(player.one("textbox"), _COLORS[wanted])
    player.do("press", bid=player.one("textbox").ref, key_comb="Tab")
    player.submit()


def spinner(player: Player) -> None:
    wanted = int(player.goal_words(r"Select (-?\d+) with")[0])
    player.fill(player.one("spinbutton"), str(wanted))
    player.do("press", bid=player.one("spinbutton").ref, key_comb="Tab")
    player.submit()


def slider(player: Player) -> None:
    wanted = int(player.goal_words(r"Select (-?\d+) with")[0])
    player.click_at(next(found for found in player.all("generic") if "cursor" in found.marks))
    for _ in range(25):
        now = next(int(found.text) for found in player.all("generic") if re.fullmatch(r"-?\d+", found.text))
        if now == wanted:
            break
        player.do("keyboard_press", key="ArrowRight" if now < wanted else "ArrowLeft")
    player.submit()


def date(player: Player) -> None:
    month, day, year = map(int, player.goal_words(r"(\d+)/(\d+)/(\d+)"))
    player.click(player.one("textbox"))
    player.do("noop", wait_ms=300)
    for _ in range(13):
        shown = next(
            (found for word in [player.page.words] if (found := re.search(rf"({'|'.join(_MONTHS)}) (\d{{4}})", word))),
            None,
        )
        if shown is None:
            raise Stuck("no calendar")
        at = int(shown[2]) * 12 + _MONTHS.index(shown[1]) + 1
        if at == year * 12 + month:
            break
        player.click(
            next(each for each in player.all() if said(each) == ("Prev" if at > year * 12 + month else "Next"))
        )
        player.do("noop", wait_ms=100)
    player.click(next(each for each in player.all("link") if said(each) == str(day)))
    player.submit()


def drag_box(player: Player) -> None:
    player.do("drag_and_drop", from_bid=player.one(says="s").ref, to_bid=player.one(says="L").ref)
    player.submit()


def drag_to_place(player: Player) -> None:
    name = player.goal_words(r"Drag (\S+) ")[0]
    rows = player.all("listitem")
    at = next(number for number, found in enumerate(rows) if name in found.words)
    if found := re.search(r"to the (\w+) position", player.goal):
        to = _ORDINALS[found[1]]
    else:
        to = at + (1 if "down" in player.goal else -1)
    drag_row(player, at, to)
    player.submit()


def drag_row(player: Player, at: int, to: int) -> None:
    rows = player.all("listitem")
    source, target = rows[at].box, rows[to].box
    assert source
    assert target
    x, y = rows[at].middle
    past = target[1] + target[3] - 2 if to > at else target[1] + 2
    player.do("mouse_down", x=x, y=y)
    player.do("mouse_move", x=x + 2, y=(y + past) / 2)
    player.do("mouse_move", x=x + 2, y=past)
    player.do("mouse_up", x=x + 2, y=past)
    player.do("noop", wait_ms=300)


def drag_sort(player: Player) -> None:
    for place in range(len(player.all("listitem")) - 1):
        numbers = [int(found.words) for found in player.all("listitem")]
        at = min(range(place, len(numbers)), key=numbers.__getitem__)
        if at != place:
            drag_row(player, at, place)
    player.submit()


def cheapest(player: Player) -> None:
    offers = [
        (duration(found.words), int(re.findall(r"\$(\d+)", found.words)[0]), found)
        for found in player.all("generic")
        if len(re.findall(r"Book for \$(\d+)", found.words)) == 1 and "Duration" in found.words
    ]
    which: Callable[[tuple[int, int, Element]], int] = {
        "cheapest cost": lambda offer: offer[1],
        "most expensive cost": lambda offer: -offer[1],
        "shortest duration": lambda offer: offer[0],
        "longest duration": lambda offer: -offer[0],
    }[player.goal_words(r"ticket with the (.*)\.")[0]]
    player.click(player.one("button", where=min(offers, key=which)[2]))


def duration(text: str) -> int:
    hours, minutes = re.findall(r"(\d+)h (\d+)m", text)[0]
    return 60 * int(hours) + int(minutes)


def _pages() -> Iterator[tuple[str, Solve]]:
    yield "ascending-numbers", ascending
    yield "buy-ticket", cheapest
    for page in ("choose-date", "choose-date-easy", "choose-date-medium", "choose-date-nodelay"):
        yield page, date
    yield "choose-list", choose_list
    yield "click-button", click_named(r'on the "(.*)" button')
    yield "click-button-sequence", click_in_order
    for page in ("click-checkboxes", "click-checkboxes-large", "click-checkboxes-transfer"):
        yield page, checkboxes
    for page in ("click-collapsible", "click-collapsible-nodelay"):
        yield page, collapsible
    for page in ("click-collapsible-2", "click-collapsible-2-nodelay"):
        yield page, collapsible_link
    yield "click-dialog", dialog
    yield "click-dialog-2", dialog_button
    yield "click-link", click_named(r'link "(.*)"', "link")
    yield "click-menu", menu
    yield "click-option", option
    yield "click-scroll-list", scroll_list
    yield "click-tab", tab
    for page in ("click-tab-2", "click-tab-2-easy", "click-tab-2-hard", "click-tab-2-medium"):
        yield page, tab_link
    yield "click-test", click_first_button
    for page in ("click-test-2", "click-test-transfer"):
        yield page, click_named(r"button (\w+)")
    yield "click-widget", widget
    for page in ("copy-paste", "copy-paste-2"):
        yield page, copied_text
    yield "drag-box", drag_box
    yield "drag-items", drag_to_place
    yield "drag-sort-numbers", drag_sort
    yield "enter-date", enter_date
    yield "enter-password", enter(r'password "(.*)" into')
    for page in ("enter-text", "enter-text-dynamic"):
        yield page, enter(r'Enter "(.*)" into')
    yield "enter-text-2", enter_cased
    yield "enter-time", enter_time
    yield "find-greatest", find_greatest
    yield "find-word", find_word
    for page in ("focus-text", "focus-text-2"):
        yield page, focus
    yield "form-sequence-3", sequence_3
    yield "generate-number", generate
    yield "grid-coordinate", grid
    yield "guess-number", guess
    for page in ("highlight-text", "highlight-text-2"):
        yield page, highlight
    for page in ("login-user", "login-user-popup"):
        yield page, login
    for page in ("multi-layouts", "multi-orderings"):
        yield page, movies
    yield "odd-or-even", odd_or_even
    yield "order-food", food
    yield "phone-book", phone_book
    yield "read-table", read_table
    yield "read-table-2", read_table_2
    yield "resize-textarea", resize
    yield "scroll-text", last_word
    yield "scroll-text-2", scroll_text
    yield "search-engine", search
    yield "sign-agreement", agreement
    yield "simple-algebra", algebra
    yield "simple-arithmetic", arithmetic
    yield "text-transform", text_transform
    yield "unicode-test", click_named(r'on the "(.*)" button')
    for page in ("use-autocomplete", "use-autocomplete-nodelay"):
        yield page, autocomplete
    yield "use-colorwheel", color
    yield "use-slider", slider
    yield "use-spinner", spinner


ORACLES = MappingProxyType(dict(_pages()))
"""Page -> the script that solves it."""
