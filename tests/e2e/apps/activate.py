"""Starts licorne as systemd does after opening sockets: `activate.py COUNT FLAGS... APP`."""

import os
import socket
import sys

opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
for number, each in enumerate(opened):
    # Out of the way first: one of the sockets may have a wanted number.
    os.dup2(each.fileno(), 100 + number)
for number in range(len(opened)):
    os.dup2(100 + number, 3 + number)
    os.close(100 + number)
os.environ["LISTEN_FDS"] = str(len(opened))
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDNAMES"] = ":".join(["public"] * len(opened))
os.execv(sys.executable, [sys.executable, "-m", "licorne", *sys.argv[2:]])
