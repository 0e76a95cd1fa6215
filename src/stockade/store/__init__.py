# SPDX-License-Identifier: Apache-2.0
"""The only SQL of the house."""
