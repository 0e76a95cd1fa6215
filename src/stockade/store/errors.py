# SPDX-License-Identifier: Apache-2.0
"""What can go wrong in the store, in words for the person who runs it.

StoreError
├── StoreTooNew        the data was written by a newer Stockade
├── StoreUnavailable   disk full, directory read-only, database gone
├── Conflict           the resource is not at the expected revision
├── LeaseHeld          somebody else holds the lease
└── LeaseLost          the lease is no longer ours
NotInMemory            not a failure: run the unit again with the database at hand
"""

from __future__ import annotations


class StoreError(Exception):
    """The root of the store's failures; its text is one sentence for an operator."""


class StoreTooNew(StoreError):
    """Raised when the data was written by a newer program than this one."""


class StoreUnavailable(StoreError):
    """Raised when the database cannot be read or written at the moment."""


class Conflict(StoreError):
    """Raised when a resource is not at the revision its writer expected."""


class LeaseHeld(StoreError):
    """Raised when somebody else holds the lease."""


class LeaseLost(StoreError):
    """Raised when a lease has passed to somebody else, or ran out."""


class NotInMemory(Exception):
    """Raised by a memory-only unit that would have to ask the database."""
