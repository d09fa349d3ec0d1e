"""Runs the emulator such that it can't outlive the program that started it.

Standard input is a pipe whose other end that program holds and nobody writes to. When it ends, however it ends, the
pipe closes, and the process group (this process and the Lambda functions that it has started) is killed.
"""

import functools
import os
import shutil
import signal
import socketserver
import sys
import threading


def watch(folder):
    # Not sys.stdin: its lock would be held at exit by this thread.
    while os.read(0, 1):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


threading.Thread(target=watch, args=(sys.argv.pop(1),), daemon=True).start()

# The emulator's side of the Lambda Runtime API writes headers and body apart. With Nagle's algorithm on, each
# invocation waits twice for a delayed acknowledgement: 96 ms instead of 5.
socketserver.StreamRequestHandler.disable_nagle_algorithm = True

from ministack.app import main  # noqa: E402  (imported last: the watch must stand before anything can fail)
from ministack.services import dynamodb  # noqa: E402

# The same few expressions come again and again, and parsing them is a quarter of what a call costs.
dynamodb._condition_syntax_error = functools.lru_cache(dynamodb._condition_syntax_error)
tokens = functools.lru_cache(dynamodb._tokenize)
dynamodb._tokenize = lambda expression: list(tokens(expression))

main()
