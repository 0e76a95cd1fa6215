# SPDX-License-Identifier: Apache-2.0
"""AWS Security Token Service.

What AWS promises here, and the file that keeps it:

* Everybody may ask who they are                                             identity.py
* Whoever a role's trust policy names may become the role for a while        roles.py, access.py
* Session policies, tags and lengths stay within AWS's limits                limits.py, packing.py
* A second factor is shown with the request and counts in the session        mfa.py
* Users get sessions of their own, and make federated users                  users.py
* A role for who an OpenID Connect provider vouches for                      web_identity.py
  whose keys are fetched over connections that are verified                  issuers.py, fetch.py
* A role for who a SAML provider vouches for                      saml_identity.py, saml.py
* The root of a member account, for one task                                 root.py, root_tasks.py
* Tokens of ours for services outside                                        outbound.py
* What a refusal kept to itself, for who may read it                         messages.py

The credentials that are handed out are IAM's to make and to check; core/sessions.py has the terms
that both know, requires.py says what STS asks of others. STS answers in every Region, and its
sessions count in all of them. Presigned requests live for 15 minutes whatever they say, as AWS's.
"""

from __future__ import annotations

from stockade.core.operation import Service
from stockade.protocol.catalogue import ServiceEntry

sts = Service(
    ServiceEntry(name="sts", signing_name="sts", target_prefix=None), honours_expires=False
)
