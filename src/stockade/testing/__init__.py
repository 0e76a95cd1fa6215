# SPDX-License-Identifier: Apache-2.0
"""The testing kit: pytest fixtures and an in-process boto3 transport."""
