"""What the tools promise to the model."""

import json
import os
import tempfile
import unittest

import tools


class ToolsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        del tools.UNDO[:]
        with open("a.py", "w") as file:
            file.write("one = 1\ntwo = 1\n")

    def read(self):
        with open("a.py") as file:
            return file.read()

    def use(self, name, **arguments):
        return tools.use(name, json.dumps(arguments))

    def test_edit_replaces_text_that_occurs_once(self):
        self.use("edit", path="a.py", old="two = 1", new="two = 2")
        self.assertEqual(self.read(), "one = 1\ntwo = 2\n")

    def test_edit_refuses_text_that_occurs_twice_or_never(self):
        for old in ("= 1", "three"):
            self.assertIn("error", self.use("edit", path="a.py", old=old, new="x"))
        self.assertEqual(self.read(), "one = 1\ntwo = 1\n")

    def test_undo_takes_back_one_edit(self):
        self.use("edit", path="a.py", old="two = 1", new="two = 2")
        self.use("undo")
        self.assertEqual(self.read(), "one = 1\ntwo = 1\n")

    def test_bash_shows_output_and_failure(self):
        self.assertIn("one", self.use("bash", command="cat a.py"))
        self.assertIn("3", self.use("bash", command="exit 3"))

    def test_trouble_is_told_and_not_raised(self):
        for name, arguments in (("bash", "{"), ("bash", "{}"), ("edit", "[]"), ("fly", "{}")):
            self.assertIn("error", tools.use(name, arguments))
        self.assertIn("error", self.use("edit", path="missing.py", old="a", new="b"))

    def test_schemas_name_the_tools(self):
        names = [schema["function"]["name"] for schema in tools.SCHEMAS]
        self.assertEqual(sorted(names), sorted(tools.TOOLS))
