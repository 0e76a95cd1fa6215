# SPDX-License-Identifier: Apache-2.0
"""AWS CloudTrail.

What AWS promises here, and the file that keeps it:

* Every management call of the last 90 days can be looked up in its Region, the newest
  first, by one of eight attributes                                                     events.py
* A lookup sees every call that was answered before it                                  events.py
* A page's token continues the lookup it came from, and no other                        tokens.py
"""

from __future__ import annotations

from stockade.core.operation import Service
from stockade.protocol.catalogue import ServiceEntry

cloudtrail = Service(
    ServiceEntry(
        name="cloudtrail",
        signing_name="cloudtrail",
        target_prefix="com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
    )
)
