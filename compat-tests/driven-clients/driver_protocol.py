"""The other end of driver.ts for drivers in Python: commands in, answers and events out, each a line of JSON.

A driver gives `serve` a function for each command that its client has. Consumers of the synchronous clients belong
to one thread; `ConsumerThread` is that thread, and commands about the consumer are run in it between two polls.
"""

import base64
import json
import logging
import os
import queue
import sys
import threading
import traceback
from concurrent.futures import Future

# Clients tell their troubles to their loggers; what is on the standard error is shown when a test fails.
logging.basicConfig(level=logging.WARNING, stream=sys.stderr)

_output = threading.Lock()


class Refused(Exception):
    """An error with Kafka's code."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def write(message):
    line = json.dumps(message) + "\n"
    with _output:
        sys.stdout.write(line)
        sys.stdout.flush()


def encode(content):
    return None if content is None else base64.b64encode(content).decode()


def decode(text):
    return None if text is None else base64.b64decode(text)


def tell_record(topic, partition, offset, timestamp, key, value, headers):
    write({
        "event": "record", "topic": topic, "partition": partition, "offset": offset, "timestamp": timestamp,
        "key": encode(key), "value": encode(value),
        "headers": [[name, encode(content)] for name, content in headers or []],
    })


def tell_assigned(member_id, partitions):
    write({"event": "assigned", "memberId": member_id, "partitions": sorted(partitions)})


def tell_revoked(partitions):
    write({"event": "revoked", "partitions": sorted(partitions)})


def note(line):
    write({"event": "note", "line": str(line)})


def failed(line):
    write({"event": "failed", "line": str(line)})


def decoded_records(records):
    """The records of a produce command with bytes for base64."""
    for record in records:
        headers = [(name, decode(content)) for name, content in record.get("headers") or []]
        yield {
            "key": decode(record.get("key")), "value": decode(record.get("value")), "headers": headers,
            "partition": record.get("partition"), "timestamp": record.get("timestamp"),
        }


def parse(line):
    request = json.loads(line)
    return request.pop("id"), request.pop("command"), request


def answer_error(request_id, error, code_of):
    traceback.print_exc(limit=3, file=sys.stderr)
    write({"id": request_id, "error": {"code": code_of(error), "message": f"{type(error).__name__}: {error}"}})


def serve(commands, code_of):
    """Runs commands until the input ends. `code_of` gives Kafka's code of an exception, or None."""
    for line in sys.stdin:
        request_id, command, parameters = parse(line)
        try:
            write({"id": request_id, "result": commands[command](**parameters)})
        except Exception as error:
            answer_error(request_id, error, code_of)
    # No goodbyes: consumers would leave their groups.
    os._exit(1)


class ConsumerThread:
    """Owns a consumer: `poll` is called again and again, and whatever else is to be done with it in between."""

    def __init__(self, open_consumer, poll):
        self._actions = queue.Queue()
        self._is_over = False
        self._thread = threading.Thread(target=self._run, args=(open_consumer, poll), daemon=True)
        self._opened = Future()
        self._thread.start()
        self._opened.result()

    def call(self, action):
        """Runs `action(consumer)` in the consumer's thread and gives its result."""
        result = Future()
        self._actions.put((action, result))
        return result.result()

    def close(self, action):
        def last(consumer):
            self._is_over = True
            return action(consumer)

        self.call(last)
        self._thread.join()

    def _run(self, open_consumer, poll):
        try:
            consumer = open_consumer()
        except Exception as error:
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        while not self._is_over:
            try:
                action, result = self._actions.get_nowait()
            except queue.Empty:
                try:
                    poll(consumer)
                except Exception as error:
                    failed(f"{type(error).__name__}: {error}")
                    return
                continue
            try:
                result.set_result(action(consumer))
            except Exception as error:
                result.set_exception(error)
