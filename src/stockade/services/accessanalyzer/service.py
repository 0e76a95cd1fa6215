# SPDX-License-Identifier: Apache-2.0
"""AWS IAM Access Analyzer.

What AWS promises here, and the file that keeps it:

* ValidatePolicy and the three proofs about policies                checking.py, policy/*
* Analyzers, their tags                                             analyzers.py
* Findings of external access, archived by hand or by rules         findings.py, rules.py
* Findings follow the policies, half an hour after a change         scanning.py, external.py
* An organization's analyzer looks at all of its accounts           zone.py
* Findings of unused access, once a day                             unused.py, configuration.py
* Access previews                                                   previews.py, proposals.py
* Policies made from what somebody did                              generation.py
* Smaller policies in the place of those that allow too much        recommendations.py
* What is analyzed, and who used what, other services know          requires.py

Analyzers of internal access are not served.
"""

from __future__ import annotations

from stockade.core.operation import Service
from stockade.protocol.catalogue import ServiceEntry

accessanalyzer = Service(
    ServiceEntry(name="accessanalyzer", signing_name="access-analyzer", target_prefix=None)
)
