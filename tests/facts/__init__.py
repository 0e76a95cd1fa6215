# SPDX-License-Identifier: Apache-2.0
"""What AWS promises, fact by fact: `python -m tests.facts` prints which hold and by which tests."""
