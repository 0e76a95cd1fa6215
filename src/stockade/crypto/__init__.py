# SPDX-License-Identifier: Apache-2.0
"""Pure cryptographic constructions over `cryptography`."""
