# SPDX-License-Identifier: Apache-2.0
"""Write the generated pages: docs/cli.md, docs/services.md, the README's table of what is real.

`make docs` writes them; `make check` runs it with `--check` and fails where one is out of date.
"""

from __future__ import annotations

import sys
from pathlib import Path

from stockade.cli import docs
from stockade.cli.services import ServiceSupport, support
from stockade.cli.tables import markdown

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- services: begin (written by `make docs`) -->"
END = "<!-- services: end -->"

MATRIX_HEAD = """\
# What is real

Written by `make docs` from the code: AWS's model minus the signatures of the functions. A request
for an operation or a member that is not served gets an AWS-shaped error that names it.
"""


def readme_table(supported: list[ServiceSupport]) -> str:
    """Return the README's table: per service what is served, by name."""
    rows = [
        [
            each.title,
            f"{each.served} of {len(each.operations)}",
            ", ".join(operation.name for operation in each.operations if operation.served),
        ]
        for each in supported
    ]
    return markdown(["service", "operations", "served"], rows)


def matrix(supported: list[ServiceSupport]) -> str:
    """Return docs/services.md: every operation served, and the members that are not honoured."""
    sections = [MATRIX_HEAD]
    for each in supported:
        rows = [
            [operation.name, ", ".join(operation.not_honoured) or "-"]
            for operation in each.operations
            if operation.served
        ]
        total = f"{each.served} of {len(each.operations)} operations"
        table = markdown(["operation", "members not honoured"], rows)
        sections.append(f"\n## {each.title} (`{each.name}`): {total}\n\n{table}\n")
        missing = ", ".join(operation.name for operation in each.operations if not operation.served)
        if missing:
            sections.append(f"\nNot served: {missing}.\n")
    return "".join(sections)


def pages() -> dict[Path, str]:
    """Return every generated page with its content."""
    supported = support()
    readme = ROOT / "README.md"
    text = readme.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return {
        ROOT / "docs/cli.md": docs.document(),
        ROOT / "docs/services.md": matrix(supported),
        readme: f"{head}{BEGIN}\n{readme_table(supported)}\n{END}{tail}",
    }


def main() -> int:
    """Write the pages, or with `--check` say which are out of date."""
    stale = [
        path for path, text in pages().items() if not path.exists() or path.read_text() != text
    ]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: make docs", file=sys.stderr)
        return int(bool(stale))
    for path, text in pages().items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
