# SPDX-License-Identifier: Apache-2.0
"""The IAM policy engine: pure, without I/O and without a clock.

`document` reads and checks policies, `compile` turns them into closures, `decide` evaluates
the layers of a request, `explain` says why; `naive` is a second evaluator to compare with.
"""
