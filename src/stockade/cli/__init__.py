# SPDX-License-Identifier: Apache-2.0
"""The command line: one small file per command, `main.py` puts them together."""
