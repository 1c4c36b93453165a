"""The program of a `forkserver.ForkServer`: it loads modules, and forks servers that then run.

    forking.py FD MODULE...

FD is a socket (SOCK_SEQPACKET). A message asks for a server: how many words it has, its folder, the
words and the environment, with the descriptors of its output, of its log, and of a pipe on which
its process id and at last its wait status are told. The program ends with the other end of the
socket, and kills the servers that still run (the tests were killed): their workers end by
themselves.

A server that was forked differs from one that was executed in when its modules were loaded, and in
nothing else that `test_harness.py` knows of. So nothing is imported here that licorne does not.
"""

from __future__ import annotations

import argparse
import gc
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module

#: Stands between the parts of a message; words and environments cannot have it (execve(2)).
BETWEEN = b"\0"
#: More than a message has.
MOST = 1 << 20


def serve(asked: socket.socket) -> str:
    """Do what is asked for; returns in each new server, with the module that it is to run."""
    ended, ends = os.pipe()
    os.set_blocking(ends, False)
    signal.set_wakeup_fd(ends, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    poll = select.poll()
    poll.register(asked, select.POLLIN)
    poll.register(ended, select.POLLIN)
    reports: dict[int, int] = {}
    while True:
        ready = [fd for fd, _ in poll.poll()]
        if ended in ready:
            os.read(ended, 1 << 10)
            tell_ends(reports)
        if asked.fileno() not in ready:
            continue
        message, fds, _, _ = socket.recv_fds(asked, MOST, 3)
        if not message:
            for pid in reports:
                os.kill(pid, signal.SIGKILL)
            sys.exit()
        stdout, stderr, report = fds
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # Closed below, with all others, whatever object has it.
            asked.detach()
            return become(message, stdout, stderr)
        os.write(report, b"%d\n" % pid)
        reports[pid] = report
        os.close(stdout)
        os.close(stderr)


def tell_ends(reports: dict[int, int]) -> None:
    """Tell of the servers that have ended how they did."""
    while reports:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        report = reports.pop(pid)
        # A test that has ended does not wait for it.
        with suppress(BrokenPipeError):
            os.write(report, b"%d\n" % status)
        os.close(report)


def become(message: bytes, stdout: int, stderr: int) -> str:
    """Be as a process that was executed with this; the module that it is to run."""
    os.setsid()
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    count, folder, *rest = message.split(BETWEEN)
    words = [os.fsdecode(word) for word in rest[: int(count)]]
    os.chdir(folder)
    os.environ.clear()
    for variable in rest[int(count) :]:
        name, _, value = variable.partition(b"=")
        os.environb[name] = value
    # `-m` puts the folder there, and its module's file before the words.
    sys.path[0] = os.getcwd()
    sys.orig_argv[1:] = words
    sys.argv[1:] = words[2:]
    return words[1]


def run(module: str) -> None:
    """As `python -m` does it, in a `__main__` that has nothing of this program."""
    # The public functions of `runpy` make another module of that name.
    as_main = runpy._run_module_as_main  # type: ignore[attr-defined]
    ours = vars(sys.modules["__main__"])
    for name in [name for name in ours if not name.startswith("__")]:
        del ours[name]
    as_main(module)


if __name__ == "__main__":
    for name in sys.argv[2:]:
        # A server that needs what is missing says so by itself.
        with suppress(ImportError):
            import_module(name)
    # The first parser loads translations, and what reads them.
    argparse.ArgumentParser(add_help=False)
    # What is there now is looked at by no collection of a server's, and so is not copied for it.
    gc.collect()
    gc.freeze()
    run(serve(socket.socket(fileno=int(sys.argv[1]))))
