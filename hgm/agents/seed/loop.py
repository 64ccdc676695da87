"""The conversation: ask the model, do what it says, tell it what happened."""

import os
import shlex

import tools

MAX_STEPS = 12  # how many times the model is asked
KEEP = 8  # how many of the latest messages it gets to see, beside the first two
MAX_REMINDERS = 2  # how many times it is sent back to work when the tests fail


def work(task, model):
    """Talk with the model until it stops calling tools or the steps run out."""
    tools.TEST_COMMAND = task.get("test_command", [])
    messages = opening(task)
    reminders = 0
    for _step in range(MAX_STEPS):
        reply = model.chat(recent(messages), tools.SCHEMAS)
        messages.append(reply)
        calls = reply.get("tool_calls") or []
        for call in calls:
            messages.append(answer(call))
        if not calls:
            report = tools.run_tests()
            if not report or reminders >= MAX_REMINDERS:
                break
            reminders += 1
            messages.append({"role": "user", "content": "The tests fail:\n" + report})
    return messages


def opening(task):
    """The first two messages: how to work, and what to do."""
    statement = task["statement"]
    if tools.TEST_COMMAND:
        statement += "\n\nCommand for the tests: " + shlex.join(tools.TEST_COMMAND)
    return [
        {"role": "system", "content": prompt(task.get("kind", "solve"))},
        {"role": "user", "content": statement},
    ]


def prompt(kind):
    """The text of prompts/<kind>.md, then the rules for all kinds of work."""
    here = os.path.dirname(os.path.abspath(__file__))
    text = ""
    for name in (kind, "rules"):
        with open(os.path.join(here, "prompts", name + ".md"), encoding="utf-8") as file:
            text += file.read() + "\n"
    return text


def recent(messages):
    """The first two messages and the latest ones; a tool's answer never comes without its question."""
    latest = messages[2:][-KEEP:]
    while latest and latest[0]["role"] == "tool":
        latest.pop(0)
    return messages[:2] + latest


def answer(call):
    """Do one tool call; what comes of it, as a message."""
    output = tools.use(call["function"]["name"], call["function"]["arguments"])
    return {"role": "tool", "tool_call_id": call["id"], "content": tools.shorten(output)}
