# SPDX-License-Identifier: Apache-2.0
"""AWS Key Management Service.

What AWS promises here, and the file that keeps it:

* Material never leaves the module; a state decides what a key does  keys.py, lifecycle.py
* A spec has a usage and its algorithms                               specs.py
* Encrypt, Decrypt, ReEncrypt, data keys                               encrypting.py, ready.py
* Symmetric material under a per-call derived key, in our own blobs    symmetric.py, envelope.py
* The two ways to encrypt: blobs, and RSA's bare blocks                ciphertexts.py, asymmetric.py
* Signatures, public keys, HMACs                                       signing.py, macs.py
* New material of every spec; RSA keys come from a pool                fresh.py, pool.py, pairs.py
* Data key pairs                                                       data_key_pairs.py
* Shared secrets by ECDH                                               agreement.py
* Shared secrets by ML-KEM                                             encapsulating.py
* One policy a key, without which nobody gets in; the lock-out check   policies.py, access.py
* Key policies that mean who was there when they were put              trusted.py
* Aliases point at keys and can be moved                               aliases.py
* Grants: a permission on one key, narrower if made by a grant, at once    grants.py, granting.py
* Tags                                                                 tags.py
* When a key was used last, from the audit trail                       last_usage.py
* Rotation that really happens, deletion after the waiting period      rotation.py, reconcile.py
* Material from outside, several of it, each with an end               importing.py, imported.py
* Keys that AWS manages for an account, keys that services own         managed_keys, owned_keys.py
* One key in several Regions, each of which works alone                multi_region.py
* What a month would cost with AWS                                       costs.py, prices.py
* Request quotas, where they are switched on                            quotas.py
* A key is found by id, ARN or alias; no existence oracle              access.py
* Answers that only an attested enclave can read                       recipient.py
* Every condition key, in the calls that AWS gives it to                condition_keys.py
* External key stores: what KMS asks a proxy, failures, double blobs   xks*.py
* A KMS key as the external key of another KMS                         external_keys.py

Reference: facts kms-1 to kms-39.
"""

from __future__ import annotations

from stockade.core.operation import Service
from stockade.protocol.catalogue import ServiceEntry

kms = Service(
    ServiceEntry(name="kms", signing_name="kms", target_prefix="TrentService"),
    clock_skew_minutes=5,
)
