"""What is said about an agent that failed on a page."""

from time import process_time

from hgm.backbones.builtin import diagnosis
from tests.backbones.builtin.talk import ask, system, user

EPISODE = """\
Outcome: failed {cause}

Model calls: {count}

The agent was asked:
| A web page is open.

On its page:
It looks.
The page:
| - text: City
| - text: Name
| - text: Age
| - textbox [ref=e1]
| - button "Save" [ref=e2]
It acts:
| {{"bid": "e9", "name": "click"}}
That did nothing:
| there is no element e9 any more
The page is as before.
It acts:
| {{"bid": "e9", "name": "click"}}
The page is as before.

Exchanges:
system:
| Choose one action at a time.
user:
| - textbox [ref=e1]
| [cut: 30 more characters]
assistant:
| {said}

Its change to the workspace:

"""
CALL = 'click {"bid": "e9"}'


def seen(**values):
    part = EPISODE.format(**{"cause": "unfinished", "count": 1, "said": CALL, **values})
    return " ".join(diagnosis.observations(part))


def test_it_says_what_an_episode_shows():
    shown = seen()
    for words in ("out of steps", "is cut", "never shown", "done again", "after an error"):
        assert words in shown
    assert "tests" not in shown
    assert "Early messages" in seen(count=9)


def test_it_tells_a_wrong_end_from_none():
    assert "too early" in seen(cause="wrong")
    assert "out of steps" not in seen(cause="wrong")
    assert "chose no action" in seen(said="I am done.")


def test_a_brief_is_written_of_it():
    told = [system("You diagnose agents. Write a brief."), user(EPISODE.format(cause="wrong", count=1, said=CALL))]
    briefs = {ask(*told, seed=seed, tools=[]).text for seed in range(12)}
    assert len(briefs) > 1
    assert all(len(brief.split()) <= diagnosis.MAX_WORDS for brief in briefs)


def test_evidence_without_an_end_takes_no_time():
    start = process_time()
    list(diagnosis.observations("On its page:\n" + "It acts:\n| {}\n" * 20_000 + "assistant:\n|" * 20_000))
    assert process_time() - start < 1.0
