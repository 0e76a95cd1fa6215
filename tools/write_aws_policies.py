# SPDX-License-Identifier: Apache-2.0
"""Write the policies that AWS manages, as Stockade's data, from an archive of AWS's answers.

The archive is the file that getmoto/moto keeps (moto/iam/aws_managed_policies.py, Apache-2.0): what
ListPolicies and GetPolicyVersion answered, by name. One policy becomes one line, so that a change
of AWS's is a change of one line here.

    python tools/write_aws_policies.py path/to/aws_managed_policies.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "src/stockade/services/iam/aws_managed.jsonl"
LONGEST = 131_072
"""The longest document of IAM's own model; AWSSupportServiceRolePolicy is longer, and left out."""
ORDER = (
    "Version",
    "Id",
    "Statement",
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
)


def read(text: str) -> dict[str, Any]:
    """Return the archive's policies by name: the JSON text between its triple quotes."""
    policies: dict[str, Any] = json.loads(text.split('"""')[1])
    return policies


def line(name: str, policy: dict[str, Any]) -> str:
    """Return the line of one policy."""
    document = _ordered(policy["Document"])
    if isinstance(document["Statement"], list):
        document["Statement"] = [_ordered(each) for each in document["Statement"]]
    else:
        document["Statement"] = _ordered(document["Statement"])
    fields = {
        "name": name,
        "path": policy["Path"],
        "version": policy["DefaultVersionId"],
        "created": policy["CreateDate"],
        "updated": policy["UpdateDate"],
        "document": document,
    }
    return json.dumps(fields, separators=(",", ":"))


def _ordered(element: dict[str, Any]) -> dict[str, Any]:
    """Return an element with its members in the order in which AWS writes them."""
    return {name: element[name] for name in ORDER if name in element}


def main() -> int:
    """Write the data from the archive that is named."""
    policies = read(Path(sys.argv[1]).read_text())
    lines = [line(name, policies[name]) for name in sorted(policies, key=str.lower)]
    lines = [each for each in lines if len(each) < LONGEST]
    TARGET.write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} policies in {TARGET.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
