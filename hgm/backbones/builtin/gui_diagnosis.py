"""What the quoted evidence of an episode on a page shows about the way an agent works, in plain words.

As in `diagnosis`: what was observed, and where in the agent to look, not what to change it to.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

MAX_LINES = 2_000
_ON_PAGE = re.compile(r"^On its page:$", re.MULTILINE)
_ACTED = re.compile(r"^It acts:\n\| (.*)$", re.MULTILINE)
_ASSISTANT = re.compile(r"^assistant:\n((?:\|.*\n?)*)", re.MULTILINE)
_CALL = re.compile(r"^\|?\s*\w+ \{.*\}\s*$", re.MULTILINE)
_ASKED = re.compile(r"Model calls: (\d{1,6})")
_CUT = re.compile(r"^\| \[[^\]\n]{0,40}\b(?:cut|truncated|more|omitted)\b", re.MULTILINE)


def about_page(part: str) -> bool:
    """Whether an evaluation was an episode on a page."""
    return bool(_ON_PAGE.search(part))


def observations(part: str) -> Iterator[str]:
    """What one episode shows."""
    page, _, exchanges = part.partition("\nExchanges:\n")
    actions = _ACTED.findall(page)
    turns = _ASSISTANT.findall(exchanges)
    asked = _ASKED.search(part)
    count = int(asked[1]) if asked else len(turns)
    if part.startswith("Outcome: failed unfinished") and turns:
        yield from _unfinished(turns, count)
    if part.startswith("Outcome: failed wrong"):
        yield (
            "The episode ended by an action that came too early or was about the wrong element. Look at what the model "
            "is told to do first, and what last."
        )
    if _CUT.search(exchanges):
        yield "The page is cut: the model does not get to see the rest of it. Look at how many characters are shown."
    if _unseen(page, exchanges):
        yield "Some lines of the page were never shown to the model. Look at which lines of a page it gets to see."
    if any(first == second for first, second in pairwise(actions)):
        yield (
            "The same action is done again at once. Look at what the model is told of what came of an action, and at "
            "how much of the messages so far it gets to see."
        )
    if "\nThat did nothing:\n" in page:
        yield "An action failed on the page. Look at what the model is told after an error."
    if count > len(turns) + 2:
        yield "Early messages are no longer in sight at the end. Look at which messages are kept and sent."


def _unfinished(turns: list[str], count: int) -> Iterator[str]:
    if _CALL.search(turns[-1]):
        yield (
            f"It ran out of steps: the model was asked {count} times and was still at work when the loop ended. Look "
            "at what limits the steps and at what each step is used for."
        )
    else:
        yield (
            "The model chose no action although the goal was not reached. Look at what the loop does then, and at the "
            "reminders it sends."
        )


def _unseen(page: str, exchanges: str) -> bool:
    """Whether lines with an element or a text stood on the page that no message quotes."""
    told = {line.strip("| ") for line in exchanges.splitlines()[:MAX_LINES]}
    lines = {line.strip("| ") for line in page.splitlines()[:MAX_LINES] if line.startswith("| ")}
    return len([line for line in lines - told if line.startswith("- ")]) > 2
