"""The conversation: ask the model, do what it says, tell it what happened."""

import os
import shlex

import tools

MAX_STEPS = 20  # how many times the model is asked
KEEP = 12  # how many of the latest messages it gets to see, beside the first two
MAX_REMINDERS = 2  # how many times it is sent back to work when the tests fail


def work(task, model):
    """Talk with the model until it stops calling tools or the steps run out."""
    messages = opening(task)
    test_command = shlex.join(task.get("test_command", []))
    reminders = 0
    for _step in range(MAX_STEPS):
        reply = model.chat(recent(messages), tools.SCHEMAS)
        messages.append(reply)
        calls = reply.get("tool_calls") or []
        for call in calls:
            messages.append(answer(call))
        if not calls:
            report, failed = tools.run_tests(test_command)
            if not failed or reminders >= MAX_REMINDERS:
                break
            reminders += 1
            messages.append({"role": "user", "content": "The tests fail:\n" + report})
    return messages


def opening(task):
    """The first two messages: how to work, and what to do."""
    statement = task["statement"]
    if task.get("test_command"):
        statement += "\n\nCommand for the tests: " + shlex.join(task["test_command"])
    return [
        {"role": "system", "content": prompt(task.get("kind", "solve"))},
        {"role": "user", "content": statement},
    ]


def prompt(kind):
    """The text of prompts/<kind>.md."""
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "prompts", kind + ".md"), encoding="utf-8") as file:
        return file.read()


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
