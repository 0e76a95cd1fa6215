# SPDX-License-Identifier: Apache-2.0
"""Material from outside: GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial.

Who imports gets a public key and a token, good for 24 hours, wraps the material under the one and
sends it back with the other (kms-20).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stockade.core.context import Context
from stockade.core.operation import Output
from stockade.services.kms import (
    import_formats,
    import_regions,
    import_tokens,
    imported,
    lifecycle,
    wrapping,
)
from stockade.services.kms.access import own_key_named
from stockade.services.kms.errors import ValidationException
from stockade.services.kms.resources import KEYS, MATERIALS, ExpirationModel, Key
from stockade.services.kms.service import kms
from stockade.services.kms.specs import SYMMETRIC

LONGEST = timedelta(days=365)
"""How far ahead ValidTo may lie."""
NEW = "NEW_KEY_MATERIAL"


@kms.operation(access=own_key_named("kms:GetParametersForImport"))
def get_parameters_for_import(
    ctx: Context, key: Key, *, key_id: str, wrapping_algorithm: str, wrapping_key_spec: str
) -> Output:
    """Return a public key to wrap material under, and the token that goes with it."""
    del key_id
    lifecycle.must_have_origin(key, "EXTERNAL")
    lifecycle.must_allow(key, lifecycle.GET_PARAMETERS_FOR_IMPORT)
    wrapping.must_suit(key, wrapping_algorithm, wrapping_key_spec)
    private = wrapping.fresh_key(ctx, wrapping_key_spec)
    public = private.public_key()
    return {
        "KeyId": key.arn,
        "ImportToken": import_tokens.issue(ctx, key, wrapping_algorithm, private),
        "PublicKey": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "ParametersValidTo": ctx.now + import_tokens.LIFETIME,
    }


@kms.operation(access=own_key_named("kms:ImportKeyMaterial"), writes=True)
def import_key_material(
    ctx: Context,
    key: Key,
    *,
    key_id: str,
    import_token: bytes,
    encrypted_key_material: bytes,
    valid_to: datetime | None = None,
    expiration_model: ExpirationModel = "KEY_MATERIAL_EXPIRES",
    import_type: str | None = None,
    key_material_description: str | None = None,
    key_material_id: str | None = None,
) -> Output:
    """Take wrapped material in: the key's first, its next, or one that it had already."""
    del key_id
    lifecycle.must_have_origin(key, "EXTERNAL")
    lifecycle.must_allow(key, lifecycle.IMPORT)
    _check_end(ctx, expiration_model, valid_to)
    _check_symmetric_only(key, import_type, key_material_description, key_material_id)
    if key.is_replica:
        _check_replica(import_type, key_material_description)
    token = import_tokens.read(ctx, key, import_token)
    material = wrapping.unwrap(token.wrapping_key(), token.algorithm, encrypted_key_material)
    changed, row = imported.add(
        ctx,
        key,
        import_formats.secret_of(key.key_spec, material),
        new=None if import_type is None else import_type == NEW,
        named=key_material_id,
        description=key_material_description,
        valid_to=None if valid_to is None else valid_to.replace(microsecond=0),
    )
    ctx.unit.put(KEYS, key.scope, changed)
    return _answer(key, row.material_id)


@kms.operation(access=own_key_named("kms:DeleteImportedKeyMaterial"), writes=True)
def delete_imported_key_material(
    ctx: Context, key: Key, *, key_id: str, key_material_id: str | None = None
) -> Output:
    """Wipe imported material, the current one unless another is named; it may come back."""
    del key_id
    lifecycle.must_have_origin(key, "EXTERNAL")
    lifecycle.must_allow(key, lifecycle.DELETE_MATERIAL)
    wanted = key_material_id or key.material_id
    row = ctx.unit.get(MATERIALS, key.scope, wanted) if wanted else None
    if row is not None and row.key_id == key.key_id:
        ctx.unit.put(KEYS, key.scope, imported.lose(ctx, key, row))
    elif key_material_id is not None and all(
        each.material_id != key_material_id for each in import_regions.known(ctx, key)
    ):
        raise ValidationException(
            f"Key material (id: {key_material_id}) has never been imported into KMS key {key.arn}."
        )
    return _answer(key, wanted)


def _check_end(ctx: Context, model: ExpirationModel, valid_to: datetime | None) -> None:
    """Refuse an expiration model and an end that do not go together, or an end out of range."""
    if model == "KEY_MATERIAL_DOES_NOT_EXPIRE":
        if valid_to is not None:
            raise ValidationException(
                f"A validTo date cannot be set if the ExpirationModel is {model}"
            )
        return
    if valid_to is None:
        raise ValidationException(f"A validTo date must be set if the ExpirationModel is {model}")
    if valid_to <= ctx.now:
        raise ValidationException("ValidTo must be in the future")
    if valid_to > ctx.now + LONGEST:
        raise ValidationException("ValidTo must be less than 365 days in the future")


def _check_symmetric_only(
    key: Key, import_type: str | None, description: str | None, material_id: str | None
) -> None:
    """Refuse what only a symmetric key has several materials for, and an id for new material."""
    given = {
        "importType": import_type,
        "keyMaterialDescription": description,
        "keyMaterialId": material_id,
    }
    for member, value in given.items():
        if value is not None and key.key_spec != SYMMETRIC:
            raise ValidationException(
                f"Input parameter {member} cannot be used with {key.key_spec} imported keys."
            )
    if import_type == NEW and material_id is not None:
        raise ValidationException(
            f"Input parameter keyMaterialId cannot be used with {NEW} importType."
        )


def _check_replica(import_type: str | None, description: str | None) -> None:
    """Refuse what only the primary of a multi-Region key says of its material."""
    if import_type == NEW:
        raise ValidationException(
            f"Input parameter ImportType {NEW} cannot be used on replica Multi-Region keys"
        )
    if description is not None:
        raise ValidationException(
            "Key material description can only be specified on primary Multi-Region keys"
        )


def _answer(key: Key, material_id: str) -> Output:
    """Return the key's ARN and the material's id, which only symmetric keys show."""
    if key.key_spec != SYMMETRIC or not material_id:
        return {"KeyId": key.arn}
    return {"KeyId": key.arn, "KeyMaterialId": material_id}
