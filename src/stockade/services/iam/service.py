# SPDX-License-Identifier: Apache-2.0
"""AWS Identity and Access Management.

What AWS promises here, and the file that keeps it:

* Users and roles, with paths and names unique whatever their case        users.py, roles.py
* At most two access keys a user; a secret is shown once, stored sealed   access_keys.py
* Inline policies within their quotas, attachments of managed ones        inline.py, attachments.py
* Managed policies with five versions, one of them in force               managed.py, versions.py
* Policies are checked in AWS's words and come back URL-encoded           documents.py
* Tags on users, roles and policies                                       tags.py
* Passwords under the account's policy, hashed with Argon2id and sealed    passwords.py
* MFA devices whose codes are really checked, each taken once             mfa.py, mfa_devices.py
* Certificates and public keys that are what they say; keys never shown   server_certificates.py
* Identity providers, whose metadata is read safely                       saml_metadata.py
* The credential report, as it was when it was made                       credential_report.py
* Behind every signature a principal with the policies that speak for it  credentials.py
* Sessions that any process can check without asking another              sessions.py

IAM has no Regions: everything lives in the account alone, and its records land in us-east-1.
"""

from __future__ import annotations

from stockade.core.operation import Service
from stockade.protocol.catalogue import ServiceEntry

iam = Service(ServiceEntry(name="iam", signing_name="iam", target_prefix=None, global_service=True))
