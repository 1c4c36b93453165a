"""`stack`: the Python stack of a worker's main thread, or of a request.

It goes on meanwhile, whatever it is busy with (`master.stacks`); the answer comes later.
"""

from __future__ import annotations

import re

from licorne.ctl.answer import Later, Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from licorne._engine import InFlight
    from licorne.ctl.answer import Answer, Then
    from licorne.ctl.protocol import Json
    from licorne.master.face import Master
    from licorne.workers.base import Worker
    from licorne.workers.frames import Stack

#: A process id, or the id of a request as `workers` shows it.
_TARGET = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,19}))?")


def stack(master: Master, arguments: list[str]) -> Answer:
    """Ask for the stack; the refusal says what is not there."""
    target = arguments[0]
    match = _TARGET.fullmatch(target)
    if match is None:
        raise Refused(f"{target!r} names no thread: give the pid of a worker, or an id of workers")
    worker = master.WORKERS.get(int(match[1]))
    if worker is None:
        known = ", ".join(map(str, sorted(master.WORKERS))) or "none"
        raise Refused(f"process {match[1]} is no worker of this server (its workers: {known})")
    found = None if match[2] is None else _request(master, worker, int(match[2]))
    if found is not None and found.waiting:
        raise Refused(f"request {target} has not begun: it waits for its turn")

    def begin(then: Then) -> None:
        def told(answer: Stack) -> None:
            then(_shown(target, worker, found, answer))

        if found is None:
            master.stacks.ask(worker, None, told)
            return

        def still() -> bool:
            return _goes_on(master, worker, found)

        if found.thread:
            master.stacks.ask(worker, found.thread, told, still)
        else:
            master.stacks.ask_request(worker, found.id, told, still)

    return Later(begin)


def _request(master: Master, worker: Worker, number: int) -> InFlight:
    for each in master.slots.in_flight(worker):
        if each.id == number:
            return each
    raise Refused(f"request {worker.pid}.{number} is not in hand any more, or never was")


def _goes_on(master: Master, worker: Worker, request: InFlight) -> bool:
    """Whether the thread still runs this request, and not another one."""
    return any(
        (each.id, each.thread) == (request.id, request.thread)
        for each in master.slots.in_flight(worker)
    )


def _shown(
    target: str, worker: Worker, request: InFlight | None, answer: Stack
) -> dict[str, Json] | Refused:
    if not answer.frames:
        return Refused(f"no Python stack of {target}: {answer.missing}")
    frames: list[Json] = [
        {"file": file, "line": line, "function": function} for file, line, function in answer.frames
    ]
    told = None if request is None else f"{request.method} {request.target}"
    pid = int(worker.pid)
    return {
        "target": target, "pid": pid, "request": told, "note": answer.note,
        "frames": frames, "stack": str(answer),
    }  # fmt: skip
