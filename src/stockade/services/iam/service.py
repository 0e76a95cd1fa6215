# SPDX-License-Identifier: Apache-2.0
"""AWS Identity and Access Management.

What AWS promises here, and the file that keeps it:

* Users and roles, with paths and names unique whatever their case        users.py, roles.py
* Groups, whose policies speak for who is in them                         groups.py
* Permissions boundaries, which no policy of their user or role passes    boundaries.py
* Trust policies that mean who was there when they were put               trusted.py
* At most two access keys a user; a secret is shown once, stored sealed   access_keys.py
* Inline policies within their quotas, attachments of managed ones        inline.py, attachments.py
* Managed policies with five versions, one of them in force               managed.py, versions.py
* Who has a policy, and which policies grant a service                    usage.py, granting.py
* The policies that AWS manages, as data                                  aws_managed.py
* Policies are checked in AWS's words and come back URL-encoded           documents.py
* Roles that belong to services, and that nobody else changes             service_linked.py
* Instance profiles that hold one role each                               instance_profiles.py
* Tags on users, roles, policies and instance profiles                    tags.py
* Dates of last use of keys and roles, from the audit trail               last_used.py
* Which services somebody may use, and used last when                     last_access.py
* The whole account at once, and its quotas                               details.py, summary.py
* Passwords under the account's policy, hashed with Argon2id and sealed    passwords.py
* MFA devices whose codes are really checked, each taken once             mfa.py, mfa_devices.py
* Certificates and public keys that are what they say; keys never shown   server_certificates.py
* Identity providers, whose metadata is read safely                       saml_metadata.py
* The credential report, as it was when it was made                       credential_report.py
* Behind every signature a principal with the policies that speak for it  credentials.py
* A simulator that decides as requests are decided                         simulation.py
* Sessions that any process can check without asking another              sessions.py

IAM has no Regions: everything lives in the account alone, and its records land in us-east-1.
"""

from __future__ import annotations

from stockade.core.operation import Service
from stockade.protocol.catalogue import ServiceEntry

iam = Service(ServiceEntry(name="iam", signing_name="iam", target_prefix=None, global_service=True))
