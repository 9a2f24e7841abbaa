"""Every numba option of the kernels, once.

Decorators
----------
leaf
    Physics of one neuron, or a loop over slices, that allocates nothing. One source serves loops on
    the CPU and, unchanged, device kernels. It is compiled without reference counts, which numba
    else changes, atomically, wherever a branch passes an array on.
inlined
    A leaf that LLVM has to inline: short physics, and loops whose many arrays would make a call
    cost as much as dozens of neurons.
apart
    A leaf that LLVM must not inline: long, and called seldom but in several places, each of which
    would get a copy to be compiled.
views
    A function that returns slices. numba itself inlines it: what comes out of a leaf has not been
    counted as a reference, and what comes out of a block has.
block
    A loop over slices. Strict floating point: state updates compile to the same operations on
    every target, so no fused multiply-add.
sums
    A leaf that adds up. Reassociation and fused multiply-add let it vectorise; NaN and infinity
    keep their meaning (neither ``nnan`` nor ``ninf``): divergence is found by them. What moves
    neurons in such a loop has to stand in a function of its own, which stays strict.
parallel
    A loop over slots, one thread each. Results never depend on the number of threads.
driver
    Serial code that calls the others many times without returning to Python.

Each may be called from Python and from the others: ``_linking`` says how both are compiled.

A state may be float32. It is computed with in ``float64``, into which loops over many neurons turn
it as they read it; what they store is rounded, and what then decides on sectors is what was stored.

All release the GIL, so that a writer thread can work beside them. The division-by-zero check of
numba's default error model stops vectorisation and is off.

Compiled code is cached on disk in a folder whose name is a hash of every kernel source and of the
numba version: numba's own cache looks only at the file that holds the decorated function and would
keep stale code when a function that it calls changes in another file. The folder lies in
``NUMBA_CACHE_DIR`` or else in the user's cache folder. Where it cannot be written, or where
``PARTICLEFLOW_CACHE=0``, nothing is cached. Where it is, one process compiles a kernel and others
wait for it (``_turns``).
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numba
from numba import float64, njit, prange

from ._linking import entry
from ._turns import take_turns

# numba 0.60 does not start its threads for a cached function that calls a parallel one, and crashes
numba.get_num_threads()

__all__ = [
    "apart",
    "block",
    "cache_folder",
    "driver",
    "float64",
    "inlined",
    "leaf",
    "parallel",
    "prange",
    "sums",
    "views",
]

# what is not said here a function inherits of whoever calls it first
_STRICT = {"error_model": "numpy", "nogil": True, "fastmath": False, "forceinline": False}
_SUMS = {**_STRICT, "fastmath": {"reassoc", "nsz", "contract"}}


def _source_hash() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    root = Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _usable_cache_folder() -> str:
    if os.environ.get("PARTICLEFLOW_CACHE") == "0":
        return ""
    root = os.environ.get("NUMBA_CACHE_DIR") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "particleflow"
    )
    # absolute, since other processes may have other current folders
    folder = os.path.join(os.path.abspath(root), _source_hash())
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:
        return ""
    return folder if os.access(folder, os.W_OK) else ""


cache_folder: str = _usable_cache_folder()
"""Folder of the compiled kernels; empty when nothing is cached."""


def _cached(**options: object) -> Callable:
    def decorate(function: Callable) -> Callable:
        if not cache_folder:
            return entry(function, cached=False, **options)
        # numba fixes a function's cache folder when it is decorated; only ours go there
        previous = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = cache_folder
        try:
            return take_turns(entry(function, cached=True, **options), cache_folder)
        finally:
            numba.config.CACHE_DIR = previous

    return decorate


def _called(**options: object) -> Callable:
    """Decorate what compiled code calls; where Python does, it is compiled in every process."""
    return lambda function: entry(function, cached=False, **options)


_LEAF = {**_STRICT, "_nrt": False}

leaf = _called(**_LEAF)
apart = _called(apart=True, **_LEAF)
inlined = _called(**{**_LEAF, "forceinline": True})
views = njit(inline="always", **_STRICT)
block = _cached(**_STRICT)
sums = _cached(_nrt=False, **_SUMS)
parallel = _cached(parallel=True, **_STRICT)
driver = _cached(**_STRICT)
