"""What /proc says of the memory of a process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from licorne.system import procfs

MIB = 1 << 20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_this_process_has_memory() -> None:
    size = procfs.resident_set(os.getpid())
    share = procfs.proportional_set(os.getpid())
    assert size is not None
    assert size > MIB
    assert share is not None
    assert share > 0


def test_a_process_that_is_gone_has_none() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    assert procfs.resident_set(pid) is None
    assert procfs.proportional_set(pid) is None
