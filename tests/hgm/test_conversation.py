"""The three dialects tell the same story."""

import json
from typing import Any

import pytest

from hgm.conversation import CHAT, MESSAGES, RESPONSES, ToolCall, Turn, turns

ARGUMENTS = '{"command": "ls"}'
CALL = (ToolCall("run", ARGUMENTS),)
STORY = [
    Turn("system", "Be brief."),
    Turn("user", "Repair it."),
    Turn("assistant", "I look.", CALL),
    Turn("tool", "answer.py"),
    Turn("assistant", "Done."),
]
SPOKEN: dict[str, tuple[Any, Any]] = {
    CHAT: (
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Repair it."}]},
                {
                    "role": "assistant",
                    "content": "I look.",
                    "tool_calls": [
                        {"id": "1", "type": "function", "function": {"name": "run", "arguments": ARGUMENTS}}
                    ],
                },
                {"role": "tool", "tool_call_id": "1", "content": "answer.py"},
            ]
        },
        {"choices": [{"message": {"role": "assistant", "content": "Done."}}]},
    ),
    RESPONSES: (
        {
            "instructions": "Be brief.",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "Repair it."}]},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
                {"type": "function_call", "call_id": "1", "name": "run", "arguments": ARGUMENTS},
                {"type": "function_call_output", "call_id": "1", "output": "answer.py"},
            ],
        },
        {
            "output": [
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]},
            ]
        },
    ),
    MESSAGES: (
        {
            "system": [{"type": "text", "text": "Be brief."}],
            "messages": [
                {"role": "user", "content": "Repair it."},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "text", "text": "I look."},
                        {"type": "tool_use", "id": "1", "name": "run", "input": {"command": "ls"}},
                    ],
                },
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "answer.py"}]},
            ],
        },
        {"role": "assistant", "content": [{"type": "text", "text": "Done."}]},
    ),
}


@pytest.mark.parametrize("dialect", SPOKEN)
def test_every_dialect_tells_the_same_story(dialect: str) -> None:
    found = turns(dialect, *SPOKEN[dialect])
    said = [(turn.role, part) for turn in found for part in turn.words.strip().splitlines()]
    assert said == [(turn.role, part) for turn in STORY for part in turn.words.strip().splitlines()]


@pytest.mark.parametrize("dialect", SPOKEN)
def test_any_shape_is_survived(dialect: str) -> None:
    odd = [None, 1, "x", [], {}, [None, 1, "x", {}, {"type": 1}]]
    names = ("messages", "input", "system", "content", "choices", "output", "message", "tool_calls", "function", "role")
    shapes = [*odd, *(dict.fromkeys(names, value) for value in odd)]
    nested = [{name: [value] for name in names} for value in shapes]
    for shape in [*shapes, *nested]:
        json.dumps([turn.words for turn in turns(dialect, shape, shape)])
    assert turns("klingon", *SPOKEN[dialect]) == []
