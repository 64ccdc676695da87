"""What to do next on a page: the first thing that the goal asks for and that does not seem done yet.

It knows the goal, the page as it was shown last, and the actions still in sight. The tendencies below are those of a
model that nobody instructs; the rules that it read and heeds this time override them.
"""

import re
from random import Random

from hgm.backbones.builtin import conversation, gui_goal, gui_habits, gui_skills, gui_talk, habits
from hgm.backbones.builtin.gui_goal import Clause, Kind
from hgm.backbones.builtin.gui_habits import Act
from hgm.backbones.builtin.gui_page import TICKS, Element
from hgm.backbones.builtin.gui_turn import Move, Status, Turn
from hgm.backbones.builtin.wire import Reply, Request

ACT = 0.94
"""It sometimes only talks."""
ACT_UNTOLD = 0.7
"""Told nothing about how to work, it talks more."""
HASTE = 0.1
"""It presses the button before all is filled in."""
SUBMIT = 0.5
EXPLORE = 0.6
REPEAT = 0.4
WAIT = 0.02
STOP = 0.3
REVIEW = 0.3
_ENDS = re.compile(r"(?:submit|ok|go|send|search|done|save|log ?in|apply|finish|confirm)\W*", re.IGNORECASE)
_ONWARD = re.compile(r"(?:next|more|menu|>|>>|»|▸|\+|…|\.\.\.)\W*", re.IGNORECASE)


def act(request: Request, rng: Random) -> Reply:
    """The next step."""
    talk = gui_talk.read(request)
    if talk.page is None:
        return Reply("I see no page.")
    rules, lines = gui_habits.read_rules(conversation.instructions(request.messages))
    tools = {tool.name: tool for tool in request.tools}
    turn = Turn(talk, talk.page, tools, habits.heeded(rules, lines, rng), rng, told=lines > 0)
    if not turn.chance(Act.ACT, ACT if turn.told else ACT_UNTOLD):
        return Reply("I would look at what the goal names.")
    move = next_move(turn)
    reply = turn.reply(move) if move else None
    return reply or Reply("There is nothing more that I could do.")


def next_move(turn: Turn) -> Move | None:
    """The action, or none."""
    last = turn.talk.last
    if turn.chance(Act.WAIT, WAIT):
        return turn.wait()
    if last is not None and (last.failed or last.same) and turn.chance(Act.REPEAT, REPEAT):
        return Move(last.name, dict(last.arguments), last.note)
    if turn.asked(Act.STOP) and turn.chance(Act.STOP, STOP):
        return None
    if asked := _asked(turn):
        return asked
    for clause in gui_goal.read(turn.talk.goal):
        found = gui_skills.do(turn, clause)
        if isinstance(found, Move):
            return _hasty(turn, found, clause)
        if found is Status.MISSING:
            turn.unseen = True
            if turn.chance(Act.EXPLORE, EXPLORE) and (move := elsewhere(turn)):
                return move
    return _close(turn)


def _asked(turn: Turn) -> Move | None:
    """What a line asks for at this moment, whatever the goal says."""
    last = turn.talk.last
    if turn.asked(Act.REPEAT) and last is not None and turn.chance(Act.REPEAT, REPEAT):
        return Move(last.name, dict(last.arguments), last.note)
    if turn.asked(Act.EXPLORE) and turn.chance(Act.EXPLORE, EXPLORE) and (move := elsewhere(turn)):
        return move
    if turn.asked(Act.SUBMIT) and turn.chance(Act.SUBMIT, SUBMIT) and (ends := _endings(turn)):
        return turn.click(ends[-1], ends[-1].said)
    return _down() if turn.asked(Act.SCROLL) else None


def _down() -> Move:
    return Move("scroll", {"delta_x": 0, "delta_y": 100}, "down")


def _hasty(turn: Turn, move: Move, clause: Clause) -> Move:
    """The button that ends it, where there is still something to fill in or to choose: a slip."""
    haste = {True: 0.0, None: HASTE, False: 3 * HASTE}[turn.asked(Act.FILL)]
    ends = _endings(turn) if clause.kind in (Kind.TYPE, Kind.PICK) and turn.rng.random() < haste else []
    return turn.click(ends[0], ends[0].said) if ends else move


def elsewhere(turn: Turn) -> Move | None:
    """Another part of the page: a tab, a menu, the next of several pages, or what is further down."""
    tabs, onward = [], []
    for item in turn.page.elements:
        if not item.ref or turn.talk.done(item.ref) or "disabled" in item.states:
            continue
        if item.role == "tab" and "selected" not in item.states:
            tabs.append(item)
        elif item.pressable and _ONWARD.fullmatch(item.said):
            onward.append(item)
        elif item.role == "heading" and "expanded" not in item.states and "cursor" in item.states:
            tabs.append(item)
    if tabs or onward:
        chosen = turn.rng.choice(tabs or onward)
        return turn.click(chosen, chosen.said or chosen.ref)
    if turn.chance(Act.SCROLL, 0.2):
        return _down()
    return None


def _close(turn: Turn) -> Move | None:
    """All is done, as far as it can tell: look again, end it, or say so."""
    if turn.chance(Act.REVIEW, REVIEW) and (move := _review(turn)):
        return move
    ends = [item for item in _endings(turn) if not turn.talk.done(item.ref)]
    if ends and _close_asked(turn, Act.SUBMIT, SUBMIT):
        return turn.click(ends[-1], ends[-1].said)
    if not turn.talk.urged and _close_asked(turn, Act.STOP, STOP):
        return None
    rest = [item for item in turn.page.elements if item.ref and item.pressable and not turn.talk.done(item.ref)]
    if rest:
        chosen = turn.rng.choice(rest)
        return turn.click(chosen, turn.page.label(chosen) or chosen.ref)
    return None


def _close_asked(turn: Turn, act: Act, tendency: float) -> bool:
    """As `chance`, at the end."""
    at_end = [rule.wanted for rule in turn.rules if rule.act is act and rule.when is gui_habits.When.END]
    return turn.rng.random() < (0.97 if at_end[0] else 0.02) if at_end else turn.chance(act, tendency)


def _review(turn: Turn) -> Move | None:
    """Take back a tick that the goal does not name."""
    named = turn.talk.goal.casefold()
    for item in turn.page.elements:
        label = turn.page.label(item).casefold()
        if item.ref and item.role in TICKS and item.role != "radio" and "checked" in item.states and label not in named:
            return turn.click(item, label)
    return None


def _endings(turn: Turn) -> list[Element]:
    """What looks as if it ended the task."""
    found = [item for item in turn.page.elements if item.ref and item.pressable and "disabled" not in item.states]
    last = turn.talk.last
    typed = last is not None and "value" in last.arguments
    return [item for item in found if _ENDS.fullmatch(item.said)] or (turn.page.silent() if typed else [])
