# SPDX-License-Identifier: Apache-2.0
"""AWS's wire: protocols, validation, signatures."""
