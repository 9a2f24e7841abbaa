#!/usr/bin/env bash
# numba 0.68.1: a function compiled with no options, which another one calls that has forceinline=True.
# Guess: forceinline concerns the function that asks for it; whoever that calls is inlined as LLVM decides.
# Seen: an option that a function does not set is that of the function for which it happens to be compiled
#   first. Called first by one with forceinline=True, plain functions get LLVM's alwaysinline, too, all the
#   way down; called first by a plain one they do not; with forceinline=False of their own they never do.
#   No error or warning, the same results: code only grows.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numba==0.68.1 numpy==2.1.3
cd "$folder"
venv/bin/python - <<'PY'
import re

import numba


def attributes(function):
    """The attributes in LLVM of a function that has been compiled for another one."""
    (text,) = function.inspect_llvm().values()
    (compiled,) = function.overloads.values()
    number = re.search(rf"define [^\n]*{re.escape(compiled.fndesc.llvm_func_name)}[^\n]*?(#\d+)?[^\n#]*\{{", text)
    line = number.group(0)
    groups = dict(re.findall(r"attributes (#\d+) = \{([^}]*)\}", text))
    return line + "".join(groups.get(name, "") for name in re.findall(r"#\d+", line))


def is_inlined(first, **own):
    """Whether a function with these options has to be inlined that is compiled for ``first``."""

    @numba.njit(**own)
    def below(a):
        return a * a

    @numba.njit(**own)
    def plain(a):
        return below(a) + 1.0

    short = numba.njit(forceinline=True)(lambda a: plain(a) + 2.0)
    long = numba.njit(lambda a: plain(a) + 3.0)
    calls = {"short": (short, long), "long": (long, short)}[first]
    assert {f(2.0) for f in calls} == {7.0, 8.0}
    return ["alwaysinline" in attributes(f) for f in (plain, below)]


print(f"numba {numba.__version__}")
found = {
    "called by forceinline=True first": is_inlined("short"),
    "called by a plain function first": is_inlined("long"),
    "forceinline=False of its own": is_inlined("short", forceinline=False),
}
for name, inlined in found.items():
    print(f"{name}: alwaysinline {inlined}")
assert list(found.values()) == [[True, True], [False, False], [False, False]]
PY
