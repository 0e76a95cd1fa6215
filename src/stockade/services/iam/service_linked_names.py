# SPDX-License-Identifier: Apache-2.0
"""Which services have service-linked roles, what these are called, and the policy they have.

The names are AWS's; each policy is one of aws_managed.jsonl. A few services take a suffix and so
may have several roles.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LINKED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        f"{service}.amazonaws.com": (f"AWSServiceRoleFor{role}", policy)
        for service, role, policy in (
            line.split()
            for line in """
access-analyzer AccessAnalyzer AccessAnalyzerServiceRolePolicy
accountdiscovery.ssm AmazonSSM_AccountDiscovery AWSSystemsManagerAccountDiscoveryServicePolicy
acm CertificateManager CertificateManagerServiceRolePolicy
appmesh AppMesh AWSAppMeshServiceRolePolicy
autoscaling AutoScaling AutoScalingServiceRolePolicy
autoscaling-plans AutoScalingPlans_EC2AutoScaling AWSAutoScalingPlansEC2AutoScalingPolicy
backup Backup AWSBackupServiceLinkedRolePolicyForBackup
batch Batch BatchServiceRolePolicy
cks.kms KeyManagementServiceCustomKeyStores AWSKeyManagementServiceCustomKeyStoresServiceRolePolicy
cloudtrail CloudTrail CloudTrailServiceRolePolicy
codestar-notifications CodeStarNotifications AWSCodeStarNotificationsServiceRolePolicy
config Config AWSConfigServiceRolePolicy
connect AmazonConnect AmazonConnectServiceLinkedRolePolicy
docdb-elastic DocDB-Elastic AmazonDocDB-ElasticServiceRolePolicy
ecr ECRTemplate ECRTemplateServiceRolePolicy
ecs ECS AmazonECSServiceRolePolicy
eks AmazonEKS AmazonEKSServiceRolePolicy
eks-fargate AmazonEKSForFargate AmazonEKSForFargateServiceRolePolicy
eks-nodegroup AmazonEKSNodegroup AWSServiceRoleForAmazonEKSNodegroup
elasticache ElastiCache ElastiCacheServiceRolePolicy
elasticbeanstalk ElasticBeanstalk AWSElasticBeanstalkServiceRolePolicy
elasticfilesystem AmazonElasticFileSystem AmazonElasticFileSystemServiceRolePolicy
elasticloadbalancing ElasticLoadBalancing AWSElasticLoadBalancingServiceRolePolicy
es AmazonElasticsearchService AmazonElasticsearchServiceRolePolicy
fis FIS AmazonFISServiceRolePolicy
fms FMS FMSServiceRolePolicy
grafana AmazonGrafana AmazonGrafanaServiceLinkedRolePolicy
guardduty AmazonGuardDuty AmazonGuardDutyServiceRolePolicy
imagebuilder ImageBuilder AWSServiceRoleForImageBuilder
inspector2 AmazonInspector2 AmazonInspector2ServiceRolePolicy
kafka Kafka KafkaServiceRolePolicy
lakeformation LakeFormationDataAccess LakeFormationDataAccessServiceRolePolicy
lexv2 LexV2Bots AmazonLexV2BotPolicy
macie AmazonMacie AmazonMacieServiceRolePolicy
memorydb MemoryDB MemoryDBServiceRolePolicy
mq AmazonMQ AmazonMQServiceRolePolicy
mrk.kms KeyManagementServiceMultiRegionKeys AWSKeyManagementServiceMultiRegionKeysServiceRolePolicy
notifications AwsUserNotifications AWSUserNotificationsServiceLinkedRolePolicy
observability.aoss AmazonOpenSearchServerless AmazonOpenSearchServerlessServiceRolePolicy
opensearchservice AmazonOpenSearchService AmazonOpenSearchServiceRolePolicy
ops.apigateway APIGateway APIGatewayServiceRolePolicy
organizations Organizations AWSOrganizationsServiceTrustPolicy
ram ResourceAccessManager AWSResourceAccessManagerServiceRolePolicy
rds RDS AmazonRDSServiceRolePolicy
redshift Redshift AmazonRedshiftServiceLinkedRolePolicy
replication.ecr ECRReplication ECRReplicationServiceRolePolicy
resource-explorer-2 ResourceExplorer AWSResourceExplorerServiceRolePolicy
rolesanywhere RolesAnywhere AWSRolesAnywhereServicePolicy
securityhub SecurityHub AWSSecurityHubServiceRolePolicy
ses AmazonSES AmazonSESServiceRolePolicy
shield AWSShield AWSShieldServiceRolePolicy
spot EC2Spot AWSEC2SpotServiceRolePolicy
spotfleet EC2SpotFleet AWSEC2SpotFleetServiceRolePolicy
ssm AmazonSSM AmazonSSMServiceRolePolicy
sso SSO AWSSSOServiceRolePolicy
trustedadvisor TrustedAdvisor AWSTrustedAdvisorServiceRolePolicy
waf WAFLogging WAFLoggingServiceRolePolicy
wafv2 WAFV2Logging WAFV2LoggingServiceRolePolicy
""".strip().splitlines()
        )
    }
)
"""Service -> the role's name and its policy's."""

SUFFIXED = frozenset(f"{name}.amazonaws.com" for name in ("autoscaling", "connect", "lexv2"))
"""Services whose roles may have a suffix."""
