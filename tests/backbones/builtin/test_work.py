"""The work for one request is bounded by its size: nothing that a message says makes it grow faster."""

from time import process_time

import pytest

from tests.backbones.builtin.talk import TOOLS, ask, did, system, user

PATHS = "".join(f"a{number}.py\n" for number in range(7_000))
TALKS = {
    "wrappings without an end": ([*did("bash", "<output>" * 3_000)], TOOLS),
    "a fence of one long word": ([{"role": "assistant", "content": "```" + "sh" * 12_000}, user("y")], []),
    "many paths in a message": ([user(PATHS)], TOOLS),
    "many listed paths": (did("bash", PATHS, command="ls"), TOOLS),
    "many words of instructions": ([system("do not " * 8_000)], TOOLS),
    "many places of a traceback": (did("bash", '  File "a.py", line 3\n' * 2_000, command="python3 check.py"), TOOLS),
}


@pytest.mark.parametrize("name", TALKS)
def test_a_message_of_50_kilobytes_takes_no_time(name):
    messages, tools = TALKS[name]
    start = process_time()
    ask(system("Answer with a ```bash block."), user("Mend it."), *messages, tools=tools)
    assert process_time() - start < 1.0
