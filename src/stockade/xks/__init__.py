# SPDX-License-Identifier: Apache-2.0
"""Stockade as an external key store proxy: the door for real AWS KMS, or for another Stockade's."""
