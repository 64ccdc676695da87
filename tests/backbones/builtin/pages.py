"""Requests of an agent on a page, and answers without a server."""

import json
from random import Random

from hgm.backbones.builtin import gui_page, gui_talk, gui_turn, model, wire

ACTIONS = {
    "click": ("bid",), "hover": ("bid",), "fill": ("bid", "value"), "press": ("bid", "key_comb"),
    "select_option": ("bid", "options"), "drag_and_drop": ("from_bid", "to_bid"), "scroll": ("delta_x", "delta_y"),
    "mouse_click": ("x", "y"), "noop": (), "send_msg_to_user": ("text",),
}  # fmt: skip
PROMPT = "You work with a web page. Choose one action at a time."


def tools(names=tuple(ACTIONS)):
    schemas = {name: {"properties": {key: {} for key in ACTIONS[name]}, "required": [*ACTIONS[name]]} for name in names}
    functions = ({"name": name, "description": "", "parameters": schema} for name, schema in schemas.items())
    return [{"type": "function", "function": function} for function in functions]


def did(name, outcome="Done.", /, note="", **arguments):
    """An action and what came of it: two messages."""
    call = {"id": "1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    return [
        {"role": "assistant", "content": f'I do "{note}".' if note else "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": outcome},
    ]


def conversation(goal, page, *done, prompt=PROMPT, seed=0, names=tuple(ACTIONS)):
    """A parsed request."""
    messages = [{"role": "system", "content": prompt}, {"role": "user", "content": f"The goal: {goal}"}]
    messages += [part for messages in done for part in messages]
    messages += [{"role": "user", "content": f"The page:\n{page}"}] if page else []
    return wire.parse(json.dumps({"messages": messages, "tools": tools(names), "seed": seed}).encode())


def ask(goal, page, *done, **options):
    """The reply."""
    return model.answer(conversation(goal, page, *done, **options))


def moves(goal, page, *done, draws=30, **options):
    """(action, its first argument that says what about) -> how often, over some draws."""
    found = {}
    for seed in range(draws):
        reply = ask(goal, page, *done, seed=seed, **options)
        arguments = reply.arguments or {}
        about = arguments.get("bid") or arguments.get("from_bid") or ""
        more = arguments.get("value") or arguments.get("to_bid") or arguments.get("key_comb") or ""
        key = " ".join(part for part in (reply.tool, about, str(more)) if part)
        found[key] = found.get(key, 0) + 1
    return found


def usual(goal, page, *done, **options):
    """What is done most often, and in at least half of the draws."""
    found = moves(goal, page, *done, **options)
    best = max(found, key=lambda key: found[key])
    assert found[best] >= sum(found.values()) / 2, found
    return best


def turn(goal, page, *done, seed=0):
    """The state of one call, nothing heeded."""
    request = conversation(goal, page, *done, seed=seed)
    talk = gui_talk.read(request)
    assert isinstance(talk.page, gui_page.Page)
    known = {tool.name: tool for tool in request.tools}
    return gui_turn.Turn(talk, talk.page, known, [], Random(seed), told=True)
