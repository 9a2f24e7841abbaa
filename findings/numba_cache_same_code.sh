#!/usr/bin/env bash
# numba 0.68.1: njit(cache=True) of two functions that share one code object and differ in a global name.
# Guess: the second is compiled, or a miss, since its helper is another function.
# Seen: the second loads what was compiled for the first and returns the first one's results, silently, in the
#   same process, whatever __name__ says: the cache on disk knows a function by file, __qualname__, line and
#   bytecode. With a __qualname__ of its own, or without the cache, it is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "numba==0.68.1"
cat >"$folder/same_code.py" <<'PY'
import types

import numba


@numba.njit
def one():
    return 1


@numba.njit
def two():
    return 2


def body():
    return one()


def variant(name, qualname):
    made = types.FunctionType(body.__code__, {**globals(), "one": two}, name)
    made.__qualname__ = qualname
    return made


cached = numba.njit(cache=True)
first = cached(body)()
same = cached(variant("variant", "body"))()
own = cached(variant("variant", "variant"))()
uncached = numba.njit(variant("variant", "body"))()
print(f"numba {numba.__version__}: first {first}, same name {same}, own name {own}, no cache {uncached}")
assert (first, same, own, uncached) == (1, 1, 2, 2)
PY
NUMBA_CACHE_DIR="$folder/cache" "$folder/venv/bin/python" "$folder/same_code.py"
