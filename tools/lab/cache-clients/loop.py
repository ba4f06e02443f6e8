# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""loop.py NAME: see loop.c; Python's socket.getaddrinfo."""
import socket
import sys
import time


def has_ipv6(name):
    try:
        return any(found[0] == socket.AF_INET6 for found in socket.getaddrinfo(name, None))
    except socket.gaierror:
        return False


asked = False
while not has_ipv6(sys.argv[1]):
    if not asked:
        print("asked", flush=True)
    asked = True
    time.sleep(0.5)
print(int(time.time() * 1000))
