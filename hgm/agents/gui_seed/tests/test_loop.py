"""The conversation, with a model that follows a script and a page that counts what is done to it."""

import json
import unittest

import loop


class Host:
    """Says what it was told to say, remembers what it was asked, and is done after some steps."""

    def __init__(self, *replies, ends=99, error=""):
        self.replies = list(replies)
        self.asked = []
        self.steps = []
        self.ends = ends
        self.error = error

    def chat(self, messages, schemas):
        self.asked.append(json.loads(json.dumps(messages)))
        return self.replies.pop(0) if self.replies else {"role": "assistant", "content": "Done."}

    def observe(self):
        text = '- button "Press %d times" [ref=e4] [box=0,0,9,9]' % len(self.steps)
        done = len(self.steps) >= self.ends
        return {"goal": "Press the button.", "text": text, "error": self.error, "done": done}

    def step(self, action):
        self.steps.append(action)
        return self.observe()


def say(name, **arguments):
    call = {"id": "1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


class LoopTest(unittest.TestCase):
    def test_an_action_is_done_and_answered(self):
        host = Host(say("click", bid="e4"))
        loop.work(host)
        self.assertEqual(host.steps[0], {"name": "click", "bid": "e4"})
        self.assertGreaterEqual(len(host.asked), 2)
        self.assertEqual([message["role"] for message in host.asked[1][2:4]], ["assistant", "tool"])

    def test_the_model_is_told_the_goal_and_shown_the_page(self):
        host = Host()
        loop.work(host)
        self.assertEqual(host.asked[0][0]["role"], "system")
        self.assertIn("Press the button.", json.dumps(host.asked[0]))
        self.assertIn("[ref=e4]", json.dumps(host.asked[0]))

    def test_it_ends_when_the_page_is_done(self):
        host = Host(*[say("click", bid="e4") for _ in range(9)], ends=2)
        loop.work(host)
        self.assertEqual(len(host.steps), 2)

    def test_it_ends_even_if_the_model_never_does(self):
        host = Host(*[say("noop") for _ in range(500)])
        loop.work(host)
        self.assertTrue(host.replies)

    def test_no_tool_answer_is_sent_without_its_question(self):
        host = Host(*[say("noop") for _ in range(40)])
        loop.work(host)
        for messages in host.asked:
            for place, message in enumerate(messages):
                if message["role"] == "tool":
                    before = messages[place - 1]
                    self.assertTrue(before.get("tool_calls") or before["role"] == "tool")
