"""The conversation, with a model that follows a script."""

import json
import os
import tempfile
import unittest

import loop


class Script:
    """A model that says what it was told to say, and remembers what it was asked."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.asked = []

    def chat(self, messages, schemas):
        self.asked.append(list(messages))
        return self.replies.pop(0) if self.replies else {"role": "assistant", "content": "Done."}


def say(name, **arguments):
    call = {"id": "1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


class LoopTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)

    def test_a_tool_call_is_done_and_answered(self):
        model = Script(say("bash", command="echo hello > a.txt; cat a.txt"))
        loop.work({"kind": "solve", "statement": "Say hello.", "test_command": ["true"]}, model)
        self.assertTrue(os.path.exists("a.txt"))
        self.assertGreaterEqual(len(model.asked), 2)
        last = model.asked[1][-1]
        self.assertEqual(last["role"], "tool")
        self.assertIn("hello", last["content"])

    def test_the_model_is_told_the_task(self):
        for kind in ("solve", "improve"):
            model = Script()
            loop.work({"kind": kind, "statement": "Mend the roof."}, model)
            self.assertIn("Mend the roof.", json.dumps(model.asked[0]))
            self.assertEqual(model.asked[0][0]["role"], "system")

    def test_it_ends_even_if_the_model_never_does(self):
        model = Script(*[say("bash", command="true") for _ in range(500)])
        loop.work({"kind": "solve", "statement": "Wait."}, model)
        self.assertTrue(model.replies)

    def test_no_tool_answer_is_sent_without_its_question(self):
        model = Script(*[say("bash", command="true") for _ in range(40)])
        loop.work({"kind": "solve", "statement": "Wait."}, model)
        for messages in model.asked:
            for place, message in enumerate(messages):
                if message["role"] == "tool":
                    before = messages[place - 1]
                    self.assertTrue(before.get("tool_calls") or before["role"] == "tool")
