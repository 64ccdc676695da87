"""A small coding agent. Start here: read the task, talk with the model until it is done, exit 0.

python3 -S -E -s main.py              in the folder to work on
python3 -S -E -s main.py --self-test  checks itself, without a model
"""

import json
import os
import sys

import client
import loop

TASK = "/hgm/task.json"


def main(arguments):
    if "--self-test" in arguments:
        return self_test()
    with open(TASK, encoding="utf-8") as file:
        task = json.load(file)
    model = client.Client(os.environ["HGM_SOCKET"], os.environ["HGM_TOKEN"])
    loop.work(task, model)
    return 0


def self_test():
    import unittest

    here = os.path.dirname(os.path.abspath(__file__))
    suite = unittest.defaultTestLoader.discover(os.path.join(here, "tests"))
    result = unittest.TestResult()
    suite.run(result)
    bad = result.errors + result.failures
    for test, trouble in bad:
        print("%s\n%s" % (test.id(), trouble))
    print("%d of %d tests passed" % (result.testsRun - len(bad), result.testsRun))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
