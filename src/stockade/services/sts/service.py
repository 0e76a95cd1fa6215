# SPDX-License-Identifier: Apache-2.0
"""AWS Security Token Service.

What AWS promises here, and the file that keeps it:

* Everybody may ask who they are                                             identity.py
* Whoever a role's trust policy names may become the role for a while;
  session policies, tags and the length of the session within AWS's limits   roles.py, access.py
* How much of a session's room policies and tags take                        packing.py

The credentials that are handed out are IAM's to make and to check: requires.py says what STS asks
of it. STS answers in every Region, and its sessions count in all of them.
"""

from __future__ import annotations

from stockade.core.operation import Service
from stockade.protocol.catalogue import ServiceEntry

sts = Service(
    ServiceEntry(name="sts", signing_name="sts", target_prefix=None),
    honours_expires=False,
)
