#!/usr/bin/env python3
"""Write what is derived from declarations and tables; `--check` only says what is stale.

Run with an interpreter that has licorne installed: `make generate`, or `python tools/generate.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from generate_man import manual_page
from generate_pages import command_line, control, hooks
from generate_rejections import rejections
from generate_settings import reference
from licorne.config import schema

ROOT = Path(__file__).resolve().parents[1]
#: File to what makes its text.
FILES = {
    "docs/licorne.1": manual_page,
    "docs/reference/command-line.md": command_line,
    "docs/reference/control.md": control,
    "docs/reference/hooks.md": hooks,
    "docs/reference/settings.md": reference,
    "docs/reference/rejections.md": rejections,
    "docs/reference/licorne.schema.json": schema.text,
}


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` compare them; the exit status."""
    stale = []
    for name, make in FILES.items():
        path, text = ROOT / name, make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    if "--check" in arguments and stale:
        print(f"stale: {', '.join(stale)}. Run `make generate` (python tools/generate.py).")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
