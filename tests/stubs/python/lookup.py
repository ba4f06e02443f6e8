# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""lookup.py [--time] [--count N] NAME...: what Python's socket.getaddrinfo() says of each name; the options and the
output of tests/tools/lookup.c."""
import argparse
import socket
import time


def look_up(name):
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return f"error: {error.strerror}"
    return " ".join(sorted(address[0] for *_, address in found))


def look_up_often(name, count, show_time):
    first = None
    for _ in range(count):
        start = time.monotonic_ns()
        outcome = look_up(name)
        taken = (time.monotonic_ns() - start) // 1000
        if outcome != first:
            print("result", name, outcome)
            first = outcome
        if show_time:
            print("time", name, taken)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("names", nargs="+")
    arguments = parser.parse_args()
    for name in arguments.names:
        look_up_often(name, arguments.count, arguments.time)


main()
