# SPDX-License-Identifier: Apache-2.0
"""Which requests resource control policies hold.

They hold resources of the services below, whoever calls, and no request that names no resource.
The list is that of the Organizations user guide, "List of AWS services that support RCPs", and
the exception is its table "Resources and entities not restricted by RCPs", as of September 2026.
"""

from __future__ import annotations

from typing import Final

RCP_SERVICES: Final = frozenset(
    {
        "aoss",
        "appconfig",
        "appstream",
        "autoscaling",
        "autoscaling-plans",
        "budgets",
        "clouddirectory",
        "cloudfront",
        "cloudsearch",
        "cloudtrail-data",
        "codeartifact",
        "codebuild",
        "codecommit",
        "codepipeline",
        "cognito-identity",
        "cognito-idp",
        "comprehend",
        "comprehendmedical",
        "compute-optimizer",
        "cost-optimization-hub",
        "dax",
        "dsql",
        "dynamodb",
        "ecr",
        "ecr-public",
        "events",
        "firehose",
        "fis",
        "fms",
        "gamelift",
        "health",
        "inspector-scan",
        "kendra",
        "kinesisvideo",
        "kms",
        "logs",
        "memorydb",
        "networkmonitor",
        "notifications",
        "opensearch",
        "pca-connector-ad",
        "personalize",
        "polly",
        "pricing",
        "resource-groups",
        "rolesanywhere",
        "s3",
        "secretsmanager",
        "servicediscovery",
        "signin",
        "sqs",
        "sts",
        "support",
        "swf",
        "textract",
        "timestream-influxdb",
        "transcribe",
        "transfer",
        "translate",
        "wafv2",
        "workspaces",
        "xray",
    }
)
"""The prefixes of their actions."""
_SPARED: Final = frozenset({"kms:RetireGrant"})


def held_by_rcp(action: str, resource: str) -> bool:
    """Return whether resource control policies are heard about an action on a resource."""
    if resource == "*" or action in _SPARED:
        return False
    return action.partition(":")[0] in RCP_SERVICES
