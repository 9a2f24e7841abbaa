"""Variants of a parametrised test: those of the fast suite and those of the slow one."""

import pytest


def variants(fast, slow):
    """Values for ``pytest.mark.parametrize``; the slow ones run by ``pytest --slow``."""
    return [*fast, *(pytest.param(value, marks=pytest.mark.slow) for value in slow)]
