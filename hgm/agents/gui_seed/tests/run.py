"""Runs the tests of this folder: `main.py --self-test`."""

import os
import unittest


def all_tests():
    """0 if all pass; says what fails, and no durations."""
    suite = unittest.defaultTestLoader.discover(os.path.dirname(os.path.abspath(__file__)))
    result = unittest.TestResult()
    suite.run(result)
    bad = result.errors + result.failures
    for test, trouble in bad:
        print("%s\n%s" % (test.id(), trouble))
    print("%d of %d tests passed" % (result.testsRun - len(bad), result.testsRun))
    return 0 if result.wasSuccessful() else 1
