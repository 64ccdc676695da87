"""The conversation: show the page, ask the model, do what it says, tell it what came of it."""

import os

import actions
import page

MAX_STEPS = 7  # how many times the model is asked
KEEP = 4  # how many of the latest messages it gets to see, beside the first two
MAX_REMINDERS = 1  # how many times it is asked again when it chooses no action


def work(host):
    """Act on the page until it is done, the model chooses nothing, or the steps run out."""
    seen = host.observe()
    messages = opening(seen)
    reminders = 0
    for _step in range(MAX_STEPS):
        shown = recent(messages)
        shown.append(page.message(seen))
        reply = host.chat(shown, actions.SCHEMAS)
        messages.append(reply)
        calls = reply.get("tool_calls") or []
        for call in calls:
            before = seen
            seen = actions.do(call, host)
            messages.append(answer(call, before, seen))
        if seen["done"]:
            break
        if not calls:
            if reminders >= MAX_REMINDERS:
                break
            reminders += 1
            messages.append({"role": "user", "content": "The goal is not reached. Choose an action."})
    return messages


def opening(seen):
    """The first two messages: how to work, and what to do."""
    return [
        {"role": "system", "content": prompt("gui") + prompt("rules")},
        {"role": "user", "content": "The goal: " + seen["goal"]},
    ]


def prompt(name):
    """The text of prompts/<name>.md."""
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "prompts", name + ".md"), encoding="utf-8") as file:
        return file.read() + "\n"


def recent(messages):
    """The first two messages and the latest ones; a tool's answer never comes without its question."""
    latest = messages[2:][-KEEP:]
    while latest and latest[0]["role"] == "tool":
        latest.pop(0)
    return messages[:2] + latest


def answer(call, before, seen):
    """What came of an action, as a message."""
    text = "Done."
    if seen["error"]:
        text = "Error: " + page.shorten(seen["error"])
    elif page.bare(seen["text"]) == page.bare(before["text"]):
        text = "Nothing has changed."
    return {"role": "tool", "tool_call_id": call["id"], "content": text}
