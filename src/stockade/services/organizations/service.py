# SPDX-License-Identifier: Apache-2.0
"""AWS Organizations.

What AWS promises here, and the file that keeps it:

* An organization with its management account, root and feature set     organization.py
* Organizational units, five levels deep, names unique under a parent   units.py, tree.py
* Accounts that really come into being, with root and a role to use     accounts.py, creation.py
* They move, leave, are removed and closed                              accounts.py, departures.py
* Invitations, and the consent to enable all features                   handshakes.py, features.py
* Policies of every type, checked, limited, attached                    policies.py, attachments.py
* A policy type is in force once it is enabled in the root              policy_types.py
* What an account inherits of the management policies                   effective.py, inheritance.py
* Service and resource control policies that hold                       membership.py
* Trusted services, their delegated administrators                     trusted.py, delegated.py
* The delegation policy: what the management account hands on          delegation.py, access.py
* Tags on accounts, units, roots, policies                              tags.py
* Who may ask for what: management account, delegates, members          access.py
* Membership events in the audit trail                                 events.py
* Invitations lapse, closed accounts are gone after 90 days             reconcile.py

Organizations has no Regions: everything of an organization lives in its management account, and
its records land in us-east-1.
"""

from __future__ import annotations

from stockade.core.operation import Service
from stockade.protocol.catalogue import ServiceEntry

organizations = Service(
    ServiceEntry(
        name="organizations",
        signing_name="organizations",
        target_prefix="AWSOrganizationsV20161128",
        global_service=True,
    )
)
