"""A small GUI agent. Start here: talk with the model about the page until it is done, exit 0.

python3 -S -E -s main.py              works on the page that the host shows
python3 -S -E -s main.py --self-test  checks itself, without a model and a page
"""

import os
import sys

import client
import loop


def main(arguments):
    if "--self-test" in arguments:
        from tests import run

        return run.all_tests()
    loop.work(client.Client(os.environ["HGM_SOCKET"], os.environ["HGM_TOKEN"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
