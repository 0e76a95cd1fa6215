# SPDX-License-Identifier: Apache-2.0
"""Reproducible benchmarks: Stockade and its peers under the same load, in one run."""
