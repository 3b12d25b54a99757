"""A pytest plugin that points the tests of kafka-python's source distribution at a broker that runs already.

The distribution lacks two files of its own tests: what makes a package of `test`, where Python has one of the same
name, and `test/service.py`, which starts brokers. The package is made here, and of the other there is only what a
broker that others have started needs. How each test ended goes to the file OWN_TESTS_OUTCOMES, a line of JSON each;
the names of all tests that there are, into OWN_TESTS_KNOWN.
"""

import json
import os
import sys
import types

package = types.ModuleType("test")
package.__path__ = [os.path.join(os.getcwd(), "test")]
sys.modules["test"] = package


class ExternalService:
    def __init__(self, host, port):
        self.host = host
        self.port = port

    def dump_logs(self):
        pass


class SpawnedService:
    def __init__(self, *_):
        raise RuntimeError("there is no broker to start here")


service = types.ModuleType("test.service")
service.ExternalService = ExternalService
service.SpawnedService = SpawnedService
sys.modules["test.service"] = service

outcomes = {"passed": "pass", "failed": "fail", "skipped": "skip"}
#: What has ended, but for the reports of its teardown.
ended = {}


def name_of(nodeid):
    return nodeid.removeprefix("test/integration/")


def pytest_itemcollected(item):
    with open(os.environ["OWN_TESTS_KNOWN"], "a") as file:
        file.write(name_of(item.nodeid) + "\n")


def pytest_runtest_logreport(report):
    """A test has failed when anything of it has: what it needs, itself, or putting away what it needed."""
    name, outcome = name_of(report.nodeid), outcomes[report.outcome]
    if name not in ended or outcome != "pass":
        ended[name] = {"name": name, "outcome": outcome, "details": report.longreprtext}
    if report.when == "teardown":
        with open(os.environ["OWN_TESTS_OUTCOMES"], "a") as file:
            file.write(json.dumps(ended.pop(name)) + "\n")
