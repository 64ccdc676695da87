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
        from tests import run

        return run.all_tests()
    with open(TASK, encoding="utf-8") as file:
        task = json.load(file)
    model = client.Client(os.environ["HGM_SOCKET"], os.environ["HGM_TOKEN"])
    loop.work(task, model)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
