"""--spew."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """\
from licorne import debug
def traced(number):
    return number * 2
debug.spew(trace_names=["__main__"], show_values=True)
traced(21)
debug.unspew()
traced(22)
"""


def test_lines_with_the_values_they_name(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    told = subprocess.run([sys.executable, str(file)], check=True, capture_output=True, text=True)
    assert told.stdout == "__main__:3:     return number * 2\n\tnumber=21\n"
    assert told.stderr == ""
