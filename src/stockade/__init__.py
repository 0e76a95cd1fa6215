# SPDX-License-Identifier: Apache-2.0
"""Stockade: the AWS security and encryption suite, self-hosted and real."""

__version__ = "2026.11.0"
