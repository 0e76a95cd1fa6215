# SPDX-License-Identifier: Apache-2.0
"""The errors of custom key stores; what a proxy does wrong is in xks_errors.py."""

from __future__ import annotations

from stockade.core.errors import AwsError


class CustomKeyStoreNameInUseException(AwsError):
    """Another store of the account and Region has the name."""

    code = "CustomKeyStoreNameInUseException"
    template = "The custom key store name {name} is already in use."


class CustomKeyStoreNotFoundException(AwsError):
    """There is no such store."""

    code = "CustomKeyStoreNotFoundException"
    template = "Custom key store {name} was not found."


class CustomKeyStoreHasCMKsException(AwsError):
    """The store has keys, if only such that wait for their deletion."""

    code = "CustomKeyStoreHasCMKsException"
    template = "The custom key store {name} contains KMS keys. Schedule their deletion first."


class CloudHsmClusterInUseException(AwsError):
    """Another store of the account has the cluster."""

    code = "CloudHsmClusterInUseException"
    template = "The CloudHSM cluster {cluster} is already associated with a custom key store."


class CloudHsmClusterNotFoundException(AwsError):
    """The deployment knows no such cluster."""

    code = "CloudHsmClusterNotFoundException"
    template = "The CloudHSM cluster {cluster} was not found."


class CloudHsmClusterNotActiveException(AwsError):
    """The cluster's token is not there."""

    code = "CloudHsmClusterNotActiveException"
    template = "The CloudHSM cluster {cluster} is not active."


class CloudHsmClusterNotRelatedException(AwsError):
    """The cluster has another certificate than the one that the store was made with."""

    code = "CloudHsmClusterNotRelatedException"
    template = "The CloudHSM cluster {cluster} is not related to the cluster of the key store."


class CloudHsmClusterInvalidConfigurationException(AwsError):
    """The cluster's token cannot be used as it is."""

    code = "CloudHsmClusterInvalidConfigurationException"
    template = "The CloudHSM cluster {cluster} is not configured for custom key stores."


class IncorrectTrustAnchorException(AwsError):
    """The certificate is not the cluster's."""

    code = "IncorrectTrustAnchorException"
    template = "The trust anchor certificate is not that of the CloudHSM cluster {cluster}."


class XksProxyUriInUseException(AwsError):
    """Another store has this endpoint and path."""

    code = "XksProxyUriInUseException"
    template = (
        "The combination of XksProxyUriEndpoint and XksProxyUriPath is already associated with "
        "another external key store."
    )


class XksProxyUriEndpointInUseException(AwsError):
    """Another store has this endpoint, and one of them is reached through a VPC."""

    code = "XksProxyUriEndpointInUseException"
    template = (
        "The XksProxyUriEndpoint {endpoint} is already associated with another external key store."
    )


class XksProxyVpcEndpointServiceInUseException(AwsError):
    """Another store has this VPC endpoint service."""

    code = "XksProxyVpcEndpointServiceInUseException"
    template = (
        "The VPC endpoint service {service} is already associated with another external key store."
    )


class XksKeyAlreadyInUseException(AwsError):
    """Another key of the store has the external key."""

    code = "XksKeyAlreadyInUseException"
    template = "The external key {key} is already associated with another KMS key."
