"""What to do next about a program with a mistake: look, test, try one edit, take it back, or stop.

The tendencies below are those of a model that nobody instructs; the rules that it read and heeds this time override
them. It knows the messages alone: what it has not seen, or what was cut away, it has to look at again.
"""

import re
from dataclasses import dataclass
from random import Random

from hgm.backbones.builtin import conversation, repair, toolbox
from hgm.backbones.builtin.conversation import Knowledge
from hgm.backbones.builtin.habits import Act, Rule, When
from hgm.backbones.builtin.wire import Reply, Request

TEST_FIRST = 0.5
TEST_AFTER = 0.6
UNDO = 0.5
ACT = 0.97
"""Without a line about changing files, it sometimes only talks."""
ACT_UNTOLD = 0.6
"""Told nothing about how to work, it talks a lot."""
STOP_UNTESTED = 0.25
GIVE_UP = 0.01
"""Per edit that it sees behind it."""
_TEST_COMMAND = re.compile(
    r"(?:^|[\s`:])((?:python3?|pytest|make|node|npm|go|cargo)\b[^`\n]{0,80}\b(?:check|test|tests|unittest|pytest)\b[^`\n]{0,60})",
    re.MULTILINE,
)
_PATHS = re.compile(r"`?([\w./-]{1,80}\.py)\b")


@dataclass
class Turn:
    """One call: the request, what it shows, and the draw."""

    request: Request
    known: Knowledge
    box: toolbox.Toolbox
    rules: list[Rule]
    rng: Random
    told: bool = True
    """Whether anything is said about how to work."""

    def occasion(self, when: When) -> bool:
        """Whether an occasion of a line is now."""
        known = self.known
        failed = known.report is not None and not known.report.green
        return {
            When.ALWAYS: True,
            When.START: not known.tried,
            When.BEFORE_EDIT: known.last != "edit",
            When.AFTER_EDIT: known.last == "edit" and not known.refused,
            When.TEST_FAILED: known.fresh and failed,
            When.TEST_PASSED: known.fresh and not failed,
            When.BEFORE_STOP: False,
            When.CUT: known.cut,
        }[when]

    def asked(self, act: Act) -> bool | None:
        """What the first heeded line about an act says now; None if none does."""
        return next((rule.wanted for rule in self.rules if rule.act is act and self.occasion(rule.when)), None)

    def chance(self, act: Act, tendency: float) -> bool:
        """Whether it does an act: as it was asked to, else by tendency."""
        asked = self.asked(act)
        drawn = self.rng.random()
        return drawn < (tendency if asked is None else 0.99 if asked else 0.02)


def act(turn: Turn) -> Reply:
    """The next step."""
    known = turn.known
    if not turn.chance(Act.EDIT, ACT if turn.told else ACT_UNTOLD):
        return Reply("I would look for the mistake in the condition or in the bounds.")
    if known.fresh and known.report is not None and known.report.green and known.applied:
        return toolbox.finish(turn.box, "All tests pass.")
    if known.refused and known.last == "edit":
        return _look(turn)
    if known.fresh and known.report is not None and known.applied:
        return _after_failure(turn)
    if not _sources(known):
        return _look(turn)
    if not known.fresh and turn.chance(Act.TEST, TEST_AFTER if known.applied else TEST_FIRST):
        return _test(turn)
    if known.applied and not known.fresh and _stops(turn, STOP_UNTESTED):
        return toolbox.finish(turn.box, "I have changed what looked wrong.")
    return _edit(turn)


def _after_failure(turn: Turn) -> Reply:
    """The tests have failed after the latest edit."""
    known = turn.known
    if _stops(turn, GIVE_UP * len(known.tried)):
        return toolbox.finish(turn.box, "I cannot find the mistake.")
    before = known.reports[-2].red if len(known.reports) > 1 else None
    better = before is not None and known.reports[-1].red < before
    if not better and turn.chance(Act.UNDO, UNDO):
        return toolbox.undo(turn.box, known.applied[-1], "That did not help; I take it back.")
    return _edit(turn) if _sources(known) else _look(turn)


def _stops(turn: Turn, tendency: float) -> bool:
    """Whether it stops without a pass: not if a line keeps it from that, or asks for something before it stops."""
    for rule in turn.rules:
        if rule.when is When.BEFORE_STOP and rule.wanted and rule.act in (Act.TEST, Act.UNDO, Act.READ):
            return turn.rng.random() < tendency * 0.1
    return turn.chance(Act.STOP, tendency) if turn.asked(Act.STOP) is False else turn.rng.random() < tendency


def _sources(known: Knowledge) -> list[str]:
    return [path for path in known.files if path.endswith(".py") and not _is_test(path)]


def _is_test(path: str) -> bool:
    return bool(re.search(r"(?:^|/)(?:test|check|conftest)|_test\.py$|/tests?/", path))


def _look(turn: Turn) -> Reply:
    """Show the file that seems to matter, or find out which there are."""
    known = turn.known
    told = _PATHS.findall(conversation.statement(turn.request.messages))
    names = [path for path in (*told, *known.listed) if path.endswith(".py") and not _is_test(path)]
    names = [path for path in dict.fromkeys(names) if path not in known.missing and path not in known.files]
    if known.refused and known.applied + known.tried:
        names.insert(0, known.tried[-1].path)
    if names:
        return toolbox.shell(turn.box, toolbox.show_command(names[0]), f"I look at {names[0]}.")
    return toolbox.shell(turn.box, "ls", "I look at the files.")


def _test(turn: Turn) -> Reply:
    command = test_command(turn)
    if not command:
        return _edit(turn)
    return toolbox.shell(turn.box, command, "I run the tests.")


def test_command(turn: Turn) -> str:
    """The command that the messages name, else a guess from the files."""
    for message in turn.request.messages[:3]:
        found = _TEST_COMMAND.search(message.text[:20_000])
        if found:
            return found[1].strip().rstrip(".,")
    tests = [path for path in turn.known.listed if path.endswith(".py") and _is_test(path)]
    return f"python3 {tests[0]}" if tests else ""


def _edit(turn: Turn) -> Reply:
    """Propose one edit to one of the files in sight."""
    known, rng = turn.known, turn.rng
    paths = _sources(known)
    rng.shuffle(paths)
    mind = repair.Mind(
        focus={True: 1.3, None: 1.0, False: 0.6}[turn.asked(Act.FOCUS)],
        care={True: 1.5, None: 1.0, False: 0.5}[turn.asked(Act.CARE)],
    )
    again = turn.asked(Act.REPEAT) is True
    for path in paths:
        change = repair.propose(
            path,
            known.files[path],
            known.report,
            rng,
            statement=conversation.statement(turn.request.messages),
            tried=[] if again else known.tried,
            mind=mind,
        )
        if change is not None:
            return toolbox.edit(turn.box, change, f"I change one thing in {path}.")
    return toolbox.finish(turn.box, "I see nothing more to change.")
