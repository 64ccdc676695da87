"""The rules live on what the agent shows: each source of information taken away, they solve less.

The bundled GUI agent plays small pages that are programs here, with its own loop and the rules as its model.
"""

import importlib
import json
import sys
from pathlib import Path
from random import Random

import pytest

import hgm.agents
from hgm.backbones.builtin import model, wire

AGENT = Path(hgm.agents.__file__).parent / "gui_seed"
EPISODES = 48


class Toy:
    """A page: what it asks for, how it looks in a state, which elements count, and when it is right."""

    def __init__(self, number):
        rng = Random(f"toy/{number}")
        words = rng.sample(["pear", "plum", "fig", "lime", "date", "kiwi"], 4)
        self.rng, self.words, self.values, self.pressed, self.steps = rng, words, {}, [], 0
        self.kind = ("press", "fill", "tick", "order")[number % 4]
        self.wanted = sorted(words[:2]) if self.kind == "tick" else words[:3]
        self.goal = {
            "press": f'Click the button "{words[0]}".',
            "fill": f'Enter "{words[0]}" into the 1st field and "{words[1]}" as the code, then press Save.',
            "tick": f"Select {words[0]}, {words[1]} and click Save.",
            "order": f'Click "{words[0]}", then click "{words[1]}", then click "{words[2]}".',
        }[self.kind]

    def text(self):
        names = sorted(self.words)
        lines = []
        for number, name in enumerate(names):
            if self.kind == "tick":
                lines.append(
                    f'- checkbox "{name}"{" [checked]" if self.values.get(f"e{number}") else ""} [ref=e{number}]'
                )
            elif self.kind != "fill":
                lines.append(f'- button "{name}" [ref=e{number}]')
        if self.kind == "fill":
            for number, label in enumerate(("Number", "Code")):
                lines += [
                    f"- generic [ref=l{number}]: {label}",
                    f"- textbox [ref=e{number}]: {self.values.get(f'e{number}', '')}",
                ]
        ends = [
            '- button "Save" [ref=s]',
            '- button "Delete" [ref=d]',
            f'- status "{len(self.pressed)} pressed" [ref=n]',
        ]
        return "\n".join([*lines, *ends])

    def step(self, action):
        self.steps += 1
        ref = action.get("bid", "")
        if action["name"] == "fill":
            self.values[ref] = action.get("value")
        elif action["name"] == "click" and self.kind == "tick" and ref.startswith("e"):
            self.values[ref] = not self.values.get(ref)
        elif action["name"] == "click":
            names = sorted(self.words)
            self.pressed.append(names[int(ref[1:])] if ref[1:].isdigit() and int(ref[1:]) < 4 else ref)
        return self.observe()

    def observe(self):
        return {"goal": self.goal, "text": self.text(), "error": "", "done": self.done or self.steps >= 30}

    @property
    def done(self):
        """Over: the last button was pressed, or a wrong one."""
        if self.kind in ("press", "order"):
            needed = self.words[: 1 if self.kind == "press" else 3]
            return self.pressed == needed or self.pressed != needed[: len(self.pressed)]
        return bool(self.pressed)

    @property
    def right(self):
        if self.kind == "fill":
            return self.pressed == ["s"] and [self.values.get("e0"), self.values.get("e1")] == self.words[:2]
        if self.kind == "tick":
            ticked = sorted(name for n, name in enumerate(sorted(self.words)) if self.values.get(f"e{n}"))
            return self.pressed == ["s"] and ticked == self.wanted
        return self.pressed == self.words[: 1 if self.kind == "press" else 3]


class Host:
    """The agent's host: a toy, and the rules."""

    def __init__(self, number, change):
        self.toy, self.change, self.seed = Toy(number), change, number * 100

    def seen(self, observation):
        return {**observation, **self.change(observation)}

    def observe(self):
        return self.seen(self.toy.observe())

    def step(self, action):
        return self.seen(self.toy.step(action))

    def chat(self, messages, schemas):
        self.seed += 1
        body = json.dumps({"messages": messages, "tools": schemas, "seed": self.seed}).encode()
        request = wire.parse(body)
        return json.loads(wire.render(request, model.answer(request)))["choices"][0]["message"]


@pytest.fixture
def loop(monkeypatch):
    """The agent's own module, fresh."""
    monkeypatch.syspath_prepend(AGENT)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name in ("loop", "page", "actions"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module("loop")
    for name in ("loop", "page", "actions"):
        sys.modules.pop(name, None)


def solved(loop, change=lambda seen: {}):
    hosts = [Host(number, change) for number in range(EPISODES)]
    for host in hosts:
        loop.work(host)
    return sum(host.toy.right for host in hosts)


def noise(seen):
    return {"text": "".join(Random(len(seen["text"])).choices("abcdefgh \n", k=len(seen["text"])))}


def test_it_solves_most_with_all_that_there_is_to_know(loop):
    assert solved(loop) >= EPISODES * 0.6


def test_without_the_page_or_the_goal_it_solves_less(loop):
    full = solved(loop)
    assert solved(loop, lambda seen: {"text": ""}) == 0
    assert solved(loop, noise) == 0
    assert solved(loop, lambda seen: {"goal": ""}) <= full / 3


def test_with_one_message_of_history_it_solves_less(loop):
    full = solved(loop)
    loop.KEEP = 1
    assert solved(loop) <= full - EPISODES / 10


def test_the_same_episode_goes_the_same_way(loop):
    for number in range(8):
        talks = []
        for _ in range(2):
            host = Host(number, lambda seen: {})
            talks.append(loop.work(host))
        assert talks[0] == talks[1]
