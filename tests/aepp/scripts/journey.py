"""What the scripts of the life cycle share: a configuration, and polling as notebooks do it, quicker."""

import json
import sys
import time

import aepp

given = json.loads(sys.argv[1])
found = {}


def configure():
    aepp.importConfigFile("config.json")


def poll(ask, is_done, tries=400):
    """Ask until the answer is what is waited for, and return it."""
    for _ in range(tries):
        answer = ask()
        if is_done(answer):
            return answer
        time.sleep(0.05)
    raise TimeoutError(answer)


def tell():
    print(json.dumps(found, default=str))
