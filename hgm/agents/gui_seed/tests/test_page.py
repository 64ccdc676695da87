"""What the model gets to see, and what it can do."""

import unittest

import actions
import page

TEXT = """\
- generic [active] [ref=e1] [box=0,0,332,210]:
  - link "Home" [ref=e2] [cursor=pointer] [box=0,0,40,11]:
    - /url: "#home"
  - button "Send" [ref=e3] [box=0,50,40,11]
"""


class PageTest(unittest.TestCase):
    def test_elements_are_shown_by_their_refs(self):
        content = page.message({"text": TEXT})["content"]
        self.assertIn('button "Send" [ref=e3]', content)
        self.assertIn("[ref=e2]", content)

    def test_a_page_is_the_same_wherever_things_are(self):
        self.assertEqual(page.bare(TEXT), page.bare(TEXT.replace("0,50", "0,90")))
        self.assertNotEqual(page.bare(TEXT), page.bare(TEXT.replace("Send", "Sent")))

    def test_what_is_too_long_is_cut(self):
        self.assertLess(len(page.shorten("x" * 100000)), 50000)
        self.assertEqual(page.shorten("short"), "short")


class ActionsTest(unittest.TestCase):
    def test_bad_arguments_are_left_to_the_host(self):
        for arguments in ("{", "[1]", "3", None):
            call = {"id": "1", "function": {"name": "click", "arguments": arguments}}
            host = Host()
            actions.do(call, host)
            self.assertEqual(host.steps, [{"name": "click"}])

    def test_schemas_are_functions_with_parameters_of_a_kind(self):
        names = [schema["function"]["name"] for schema in actions.SCHEMAS]
        self.assertEqual(len(names), len(set(names)))
        for schema in actions.SCHEMAS:
            parameters = schema["function"]["parameters"]
            self.assertEqual(sorted(parameters["properties"]), sorted(parameters["required"]))
            for value in parameters["properties"].values():
                self.assertIn(value["type"], ("string", "number", "array"))


class Host:
    def __init__(self):
        self.steps = []

    def step(self, action):
        self.steps.append(action)
