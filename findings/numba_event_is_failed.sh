#!/usr/bin/env bash
# numba 0.68.1: whether a compilation failed, as its events say.
# Guess: Event.is_failed of the event "numba:compile" at its end is False after a compilation that went
#   well, and True after one that raised; its docstring says so.
# Seen: it is the other way round, True after success and False after a failure.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numba==0.68.1 numpy==2.1.3
cd "$folder"
venv/bin/python - <<'PY'
import numba
from numba.core import event


class Ends(event.Listener):
    seen = []

    def on_start(self, event):
        pass

    def on_end(self, event):
        self.seen.append(event.is_failed)


def compile_well():
    numba.njit(lambda x: x + 1)(1)


def compile_in_vain():
    try:
        numba.njit(lambda x: x.no_such_attribute)(1)
    except numba.TypingError:
        return
    raise SystemExit("changed: it compiles")


listener = Ends()
event.register("numba:compile", listener)
compile_well()
compile_in_vain()
print("numba", numba.__version__, "is_failed after success and after a failure:", listener.seen)
assert listener.seen == [True, False], "changed"
PY
