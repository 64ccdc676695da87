"""What an agent may do on a page: a closed list, by the names that BrowserGym gave them.

Stops: addresses, scripts, tabs and selectors of the agent's own, which no action takes; keys that leave the page, open
windows or the browser's own tools; numbers that are none or lie outside of what is seen; text without end.
Does not stop: what a page itself offers: its links may lead away, which ends the episode (`evaluators.gui.episode`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from evaluators.base import Json

LONGEST_TEXT = 2000
LONGEST_TYPED = 500
"""Key by key, which takes its time."""
LONGEST_MESSAGE = 10_000
LONGEST_WAIT_MS = 1000
_MOST_OPTIONS = 50
_BID = re.compile(r"(f[0-9]{1,6})?e[0-9]{1,6}")
_NAMED_KEYS = frozenset(
    (
        *("Enter", "Tab", "Escape", "Backspace", "Delete", "Insert", "Space", "Home", "End", "PageUp", "PageDown"),
        *("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"),
    )
)
_WITH_CONTROL = frozenset(
    (
        *("a", "c", "x", "v", "z", "y", "b", "i", "u"),
        *("Home", "End", "Backspace", "Delete", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"),
    )
)
"""What edits text or moves in it; all else may be the browser's."""
_BUTTONS = ("left", "right")
_CLICK_MODIFIERS = ("Control", "Shift")


class Refusal(Exception):
    """It is no action that may be done; says why, for the agent."""


Size: TypeAlias = tuple[int, int]
_Check: TypeAlias = Callable[[Json, Size], Json]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One of an action's."""

    name: str
    kind: str
    """What it takes, for an agent to read."""
    check: _Check
    """The value as the browser gets it, or a `Refusal`."""
    is_needed: bool = True


@dataclass(frozen=True, kw_only=True)
class Action:
    """One thing that may be done."""

    name: str
    does: str
    parameters: tuple[Parameter, ...] = ()


def checked(action: Json, size: Size) -> dict[str, Json]:
    """The action as the browser gets it: its name and parameters, nothing else.

    Raises:
        Refusal: it is none, or may not be done.
    """
    if not isinstance(action, dict) or not isinstance(action.get("name"), str):
        raise Refusal('an action is an object with a name, such as {"name": "click", "bid": "e4"}')
    if (known := ACTIONS.get(action["name"])) is None:
        raise Refusal(f"there is no such action; there are {', '.join(ACTIONS)}")
    given = {name: value for name, value in action.items() if name != "name" and value is not None}
    takes = [parameter.name for parameter in known.parameters]
    if set(given) - set(takes):
        raise Refusal(f"{known.name} takes {', '.join(takes) or 'nothing'}, and nothing else")
    made: dict[str, Json] = {"name": known.name}
    for parameter in known.parameters:
        if parameter.name in given:
            made[parameter.name] = _checked(parameter, given[parameter.name], size)
        elif parameter.is_needed:
            raise Refusal(f"{known.name} needs {parameter.name}: {parameter.kind}")
    return made


def _checked(parameter: Parameter, value: Json, size: Size) -> Json:
    try:
        return parameter.check(value, size)
    except Refusal as refusal:
        raise Refusal(f"{parameter.name}: {refusal}") from None


def listed() -> list[dict[str, Json]]:
    """All actions as JSON that an agent may be shown."""
    return [
        {
            "name": action.name,
            "does": action.does,
            "parameters": [
                {"name": parameter.name, "takes": parameter.kind, "needed": parameter.is_needed}
                for parameter in action.parameters
            ],
        }
        for action in ACTIONS.values()
    ]


def _text(most: int) -> _Check:
    def check(value: Json, size: Size) -> Json:
        if not isinstance(value, str):
            raise Refusal("it has to be text")
        if len(value) > most:
            raise Refusal(f"it has {len(value)} characters, and {most} are allowed")
        if any(not sign.isprintable() and sign not in "\n\t" for sign in value):
            raise Refusal("it holds what cannot be typed")
        return value

    return check


def _bid(value: Json, size: Size) -> Json:
    if not isinstance(value, str) or not _BID.fullmatch(value):
        raise Refusal("it has to be the ref of an element of the observation, such as e4")
    return value


def _number(value: Json, least: float, most: float) -> float:
    if type(value) not in (int, float) or value != value:
        raise Refusal("it has to be a number")
    if not least <= value <= most:
        raise Refusal(f"it has to be from {least:g} to {most:g}")
    return float(value)


def _across(value: Json, size: Size) -> Json:
    return _number(value, 0, size[0] - 1)


def _down(value: Json, size: Size) -> Json:
    return _number(value, 0, size[1] - 1)


def _delta(value: Json, size: Size) -> Json:
    return _number(value, -10_000, 10_000)


def _wait(value: Json, size: Size) -> Json:
    return _number(value, 0, LONGEST_WAIT_MS)


def _button(value: Json, size: Size) -> Json:
    if value not in _BUTTONS:
        raise Refusal(f"it has to be one of {', '.join(_BUTTONS)} (the middle one opens windows)")
    return value


def _modifiers(value: Json, size: Size) -> Json:
    if not isinstance(value, list) or any(item not in _CLICK_MODIFIERS for item in value) or len(value) > 2:
        raise Refusal(f"it has to be a list of {' and '.join(_CLICK_MODIFIERS)}")
    return sorted(set(value))


def _options(value: Json, size: Size) -> Json:
    chosen = value if isinstance(value, list) else [value]
    if len(chosen) > _MOST_OPTIONS:
        raise Refusal(f"at most {_MOST_OPTIONS} options")
    return [_text(LONGEST_TEXT)(option, size) for option in chosen]


def _key(value: Json, size: Size) -> Json:
    """Keys as Playwright writes them: `Enter`, `Shift+Tab`, `Control+a`."""
    if not isinstance(value, str) or not value:
        raise Refusal("it has to be a key, such as Enter or Control+a")
    *held, key = [*value[:-2].split("+"), "+"] if value.endswith("++") else value.split("+") if value != "+" else ["+"]
    modifiers = {"Control" if name in ("ControlOrMeta", "Ctrl") else name for name in held}
    if key not in _NAMED_KEYS and not (len(key) == 1 and key.isascii() and key.isprintable()):
        raise Refusal(
            f"there is no such key here; there are single characters of ASCII and {', '.join(sorted(_NAMED_KEYS))}"
        )
    if unknown := modifiers - {"Control", "Shift"}:
        raise Refusal(f"{sorted(unknown)[0]!r} cannot be held here: Control and Shift can")
    if "Control" in modifiers and (key.lower() if len(key) == 1 else key) not in _WITH_CONTROL:
        raise Refusal("with Control there is only what edits text: a, c, x, v, z, y, b, i, u and keys that move")
    if "Control" in modifiers and "Shift" in modifiers and len(key) == 1 and key.lower() != "z":
        raise Refusal("with Control and Shift there are only z and keys that move")
    return "+".join((*sorted(modifiers), key))


def _parameter(name: str, kind: str, check: _Check, *, is_needed: bool = True) -> Parameter:
    return Parameter(name=name, kind=kind, check=check, is_needed=is_needed)


_REF = "the ref of an element, as the observation has it"
_ELEMENT = _parameter("bid", _REF, _bid)
_BUTTON = _parameter("button", "left (as without it) or right", _button, is_needed=False)
_HELD = _parameter("modifiers", "a list of keys that are held: Control, Shift", _modifiers, is_needed=False)
_X = _parameter("x", "pixels from the left edge", _across)
_Y = _parameter("y", "pixels from the upper edge", _down)
_KEYS = "a key, such as Enter, Tab, a, ArrowDown, or Control+a"

ACTIONS = MappingProxyType(
    {
        action.name: action
        for action in (
            Action(name="click", does="Click an element.", parameters=(_ELEMENT, _BUTTON, _HELD)),
            Action(name="dblclick", does="Click an element twice.", parameters=(_ELEMENT, _BUTTON, _HELD)),
            Action(name="hover", does="Move the mouse onto an element.", parameters=(_ELEMENT,)),
            Action(
                name="fill",
                does="Put a text into a field, in place of what is there.",
                parameters=(_ELEMENT, _parameter("value", "the text", _text(LONGEST_TEXT))),
            ),
            Action(name="clear", does="Empty a field.", parameters=(_ELEMENT,)),
            Action(name="focus", does="Give an element the keyboard.", parameters=(_ELEMENT,)),
            Action(
                name="press",
                does="Press a key in an element.",
                parameters=(_ELEMENT, _parameter("key_comb", _KEYS, _key)),
            ),
            Action(
                name="select_option",
                does="Choose from a list (a combobox or listbox).",
                parameters=(_ELEMENT, _parameter("options", "the option's label, or a list of them", _options)),
            ),
            Action(
                name="drag_and_drop",
                does="Drag one element onto another.",
                parameters=(_parameter("from_bid", _REF, _bid), _parameter("to_bid", _REF, _bid)),
            ),
            Action(
                name="scroll",
                does="Turn the mouse's wheel where the mouse is.",
                parameters=(_parameter("delta_x", "pixels", _delta), _parameter("delta_y", "pixels", _delta)),
            ),
            Action(name="mouse_move", does="Move the mouse.", parameters=(_X, _Y)),
            Action(name="mouse_down", does="Move the mouse and press its button.", parameters=(_X, _Y, _BUTTON)),
            Action(name="mouse_up", does="Move the mouse and release its button.", parameters=(_X, _Y, _BUTTON)),
            Action(name="mouse_click", does="Click somewhere.", parameters=(_X, _Y, _BUTTON)),
            Action(name="mouse_dblclick", does="Click somewhere twice.", parameters=(_X, _Y, _BUTTON)),
            Action(
                name="mouse_drag_and_drop",
                does="Press the mouse's button at one place and release it at another.",
                parameters=(
                    _parameter("from_x", _X.kind, _across),
                    _parameter("from_y", _Y.kind, _down),
                    _parameter("to_x", _X.kind, _across),
                    _parameter("to_y", _Y.kind, _down),
                ),
            ),
            Action(
                name="keyboard_press",
                does="Press a key where the keyboard is.",
                parameters=(_parameter("key", _KEYS, _key),),
            ),
            Action(
                name="keyboard_type",
                does="Type a text where the keyboard is.",
                parameters=(_parameter("text", f"the text, at most {LONGEST_TYPED} characters", _text(LONGEST_TYPED)),),
            ),
            Action(
                name="noop",
                does="Wait.",
                parameters=(_parameter("wait_ms", f"milliseconds, at most {LONGEST_WAIT_MS}", _wait, is_needed=False),),
            ),
            Action(
                name="send_msg_to_user",
                does="Say something; it changes nothing.",
                parameters=(_parameter("text", "what to say", _text(LONGEST_MESSAGE)),),
            ),
            Action(
                name="report_infeasible",
                does="Give up, which ends the episode.",
                parameters=(_parameter("reason", "why", _text(LONGEST_MESSAGE), is_needed=False),),
            ),
        )
    }
)
"""Name -> action."""
