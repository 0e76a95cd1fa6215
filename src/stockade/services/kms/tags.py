# SPDX-License-Identifier: Apache-2.0
"""Tags of keys: at most 50, no duplicates, nothing that begins with `aws:`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.kms.access import own_key_named
from stockade.services.kms.errors import TagException
from stockade.services.kms.lifecycle import CHANGE, must_allow
from stockade.services.kms.paging import listed
from stockade.services.kms.resources import KEYS, Key
from stockade.services.kms.service import kms

TAG_LIMIT = 50


@kms.operation(access=own_key_named("kms:TagResource"), writes=True)
def tag_resource(
    ctx: Context, key: Key, *, key_id: str, tags: Sequence[Mapping[str, str]]
) -> Output:
    """Add or replace tags of a key."""
    del key_id
    must_allow(key, CHANGE)
    changed = replace(key, tags=merged(key.tags, tags))
    ctx.unit.put(KEYS, key.scope, changed)
    return {}


@kms.operation(access=own_key_named("kms:UntagResource"), writes=True)
def untag_resource(ctx: Context, key: Key, *, key_id: str, tag_keys: Sequence[str]) -> Output:
    """Take tags off a key; names it does not have are passed over."""
    del key_id
    must_allow(key, CHANGE)
    left = {name: value for name, value in key.tags.items() if name not in tag_keys}
    ctx.unit.put(KEYS, key.scope, replace(key, tags=left))
    return {}


@kms.operation(access=own_key_named("kms:ListResourceTags"))
def list_resource_tags(
    _ctx: Context, key: Key, *, key_id: str, limit: int = 50, marker: str | None = None
) -> Output:
    """Return a key's tags, sorted by name."""
    del key_id

    def names(after: str, count: int) -> list[str]:
        return sorted(name for name in key.tags if name > after)[:count]

    def show(name: str) -> dict[str, str]:
        return {"TagKey": name, "TagValue": key.tags[name]}

    return listed("Tags", names, str, show, limit, marker)


def merged(old: Mapping[str, str], new: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the tags a key has after `new` were put on it."""
    names = [tag["TagKey"] for tag in new]
    if len(set(names)) != len(names):
        raise TagException("Duplicate tag keys")
    if any(name.lower().startswith("aws:") for name in names):
        raise TagException("Tags beginning with aws: are reserved")
    tags = {**old, **{tag["TagKey"]: tag["TagValue"] for tag in new}}
    if len(tags) > TAG_LIMIT:
        raise TagException("Too many tags")
    return tags
