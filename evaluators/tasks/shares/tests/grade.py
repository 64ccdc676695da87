"""Calls the function in a child, compares every value exactly, and writes the reward only after the last case."""

import json
import os
import signal
import subprocess
import sys

MODULE, FUNCTION = "shares", "split_amount"
REWARD = "/logs/verifier/reward.txt"
CALL = """
import json, os, sys
module, function, channel, *cases = sys.argv[1:]
sys.path[0] = "/workspace"
function = getattr(__import__(module), function)
for case in cases:
    os.write(int(channel), json.dumps(function(*json.loads(case))).encode() + b"\\n")
"""
DEADLINE_S = 50


def same(got, want):
    """Equal and of the same types all the way down: True is not 1."""
    if type(got) is not type(want):
        return False
    if type(got) is list:
        return len(got) == len(want) and all(map(same, got, want))
    if type(got) is dict:
        return got.keys() == want.keys() and all(same(got[key], want[key]) for key in want)
    return got == want


def answers(arguments):
    """What the function returned for each case, as far as it came."""
    reading, writing = os.pipe()
    command = [sys.executable, "-S", "-B", "-c", CALL, MODULE, FUNCTION, str(writing), *map(json.dumps, arguments)]
    child = subprocess.Popen(command, pass_fds=[writing], start_new_session=True)
    os.close(writing)
    try:
        child.wait(DEADLINE_S)
    except subprocess.TimeoutExpired:
        print("out of time")
    os.set_blocking(reading, False)
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except OSError:
        pass
    with open(reading, "rb") as channel:
        return (channel.read() or b"").split(b"\n")[:-1]


def main():
    with open("/tests/cases.jsonl") as lines:
        cases = [json.loads(line) for line in lines]
    found = answers([case["args"] for case in cases])
    passed = 0
    for case, answer in zip(cases, found):
        try:
            passed += same(json.loads(answer), case["expected"])
        except ValueError:
            pass
    print(f"{passed} of {len(cases)} passed")
    with open(REWARD, "w") as reward:
        reward.write("1\n" if passed == len(cases) == len(found) else "0\n")


if __name__ == "__main__":
    main()
