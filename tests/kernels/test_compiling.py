"""How kernels are compiled: parts and entries, and processes that share a folder of entries."""

import gc
import os
import subprocess
import sys
import textwrap

import numba
import numpy as np
import pytest
from numba.core.registry import cpu_target
from numpy.testing import assert_array_equal
from variants import variants

from particleflow.kernels import _jit, _linking, _turns

MODULE = """
import numpy as np
from particleflow.kernels._jit import driver, leaf


@leaf
def inner(x):
    return x[0] + x[1]


@driver
def outer(x):
    return inner(x) + np.linalg.eigh(np.outer(x, x))[0].sum()
"""
SCRIPT = """
import sys
import time
from pathlib import Path

import numpy as np

from particleflow.kernels import _turns
from slow import inner, outer

_turns.when_waiting(lambda: print("waits"))
Path(sys.argv[1]).touch()
while len(list(Path.cwd().glob("ready-*"))) < 3:
    time.sleep(0.001)
outer(np.arange(3.0))
print(sum(sum(f.stats.cache_misses.values()) for f in (inner, outer)))
"""

STRICT = {"error_model": "numpy", "nogil": True, "fastmath": False, "cached": False}


def kernels():
    """A part, an entry that calls it, and one that calls both, none of them compiled yet."""
    add = _linking.entry(lambda a, b: a + b, **STRICT)

    def sum_up(values):
        total = np.zeros(1)
        for i in range(values.size):
            total[0] = add(total[0], values[i])
        return total

    sum_up = _linking.entry(sum_up, **STRICT)

    def mean(values):
        return add(sum_up(values)[0] / values.size, 0.0)

    return add, sum_up, _linking.entry(mean, **STRICT)


def attributes_of(part):
    """The attributes that LLVM is given of the one function of a part that has been compiled."""
    (compiled,) = part.part().overloads.values()
    name = compiled.fndesc.llvm_func_name
    module = compiled.library._final_module
    return b" ".join(module.get_function(name).attributes).decode().split()


def test_what_an_inlined_function_calls_first_is_not_inlined_for_that():
    """numba hands options on to functions that are compiled for a caller."""

    @_jit.leaf
    def called(a):
        return a + 1.0

    @_jit.apart
    def kept_apart(a):
        return a - 1.0

    short = _jit.inlined(lambda a: called(a) * kept_apart(a))
    whole = _jit.driver(lambda a: 1.0 * short(a))
    assert whole(3.0) == 8.0
    assert "alwaysinline" in attributes_of(short)
    assert {"alwaysinline", "noinline"} & set(attributes_of(called)) == set()
    assert "noinline" in attributes_of(kept_apart)


def test_this_release_of_numba_has_what_parts_need():
    assert _linking.AVAILABLE


def test_what_an_entry_calls_has_no_machine_code_of_its_own():
    add, sum_up, mean = kernels()
    assert mean(np.arange(4.0)) == 1.5
    assert add.signatures == sum_up.signatures == []  # neither is an entry yet
    (compiled,) = sum_up.part().overloads.values()
    assert isinstance(compiled.library, _linking._Part)
    assert compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name) == 0
    assert "define" in str(compiled.library._final_module)
    # the whole has all of its parts, none of which other code can see
    (whole,) = mean.overloads.values()
    library = whole.library
    assert any("sum_up" in name for name in library._inner)
    assert library._inner.isdisjoint(f.name for f in library._get_module_for_linking().functions)
    exported = {f.name for f in library.get_defined_functions() if f.linkage.name != "internal"}
    assert library._inner.isdisjoint(exported)


@pytest.mark.parametrize("first", [0, 1, 2])
def test_kernels_are_called_from_python_and_from_kernels_in_any_sequence(first):
    values = np.arange(5.0)
    calls = [lambda add, *_: add(1.0, 2.0), lambda _, sum_up, __: sum_up(values)[0],
             lambda *kernels: kernels[2](values)]  # fmt: skip
    found = kernels()
    for n in (first, (first + 1) % 3, (first + 2) % 3):
        assert calls[n](*found) == [3.0, 10.0, 2.0][n]


@pytest.mark.parametrize("is_compiled", variants([True], slow=[False]))
def test_a_function_of_a_user_may_call_kernels(is_compiled):
    add, sum_up, mean = kernels()
    if is_compiled:
        mean(np.arange(4.0))  # as parts

    @numba.njit
    def user(values):
        out = np.empty(2)  # which kernels have asked for, too
        out[:] = mean(values), add(sum_up(values)[0], 1.0)
        return out

    assert_array_equal(user(np.arange(4.0)), [1.5, 7.0])


def test_a_kernel_that_cannot_be_compiled_leaves_the_compiler_as_it_was():
    generator = cpu_target.target_context.codegen()
    before = generator._library_class
    gc.enable()  # whatever earlier tests have left
    wrong = _linking.entry(lambda a: a.no_such_thing, **STRICT)
    with pytest.raises(numba.TypingError):
        wrong(1.0)
    assert generator._library_class is before
    assert gc.isenabled()
    assert numba.njit(lambda a: a + 1)(1) == 2


def test_kernels_work_without_what_parts_need(monkeypatch):
    monkeypatch.setattr(_linking, "AVAILABLE", False)
    add, _, mean = kernels()
    assert mean(np.arange(4.0)) == 1.5
    assert add.signatures


@pytest.mark.slow
def test_one_process_compiles_and_the_others_wait(tmp_path):
    (tmp_path / "slow.py").write_text(MODULE)
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    processes = [
        subprocess.Popen([sys.executable, "script.py", f"ready-{n}"], cwd=tmp_path, text=True,
                         stdout=subprocess.PIPE, env=environment)
        for n in range(3)
    ]  # fmt: skip
    outputs = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sum(int(output[-1]) for output in outputs) == 1  # `inner` is a part of `outer`
    assert sorted(output[:-1] for output in outputs) == [[], ["waits"], ["waits"]]


def test_a_process_that_is_waited_for_too_long_is_passed_over(tmp_path, monkeypatch):
    code = textwrap.dedent("""
        import sys
        from particleflow.kernels import _turns
        with _turns._turn(sys.argv[1]):
            print("holds", flush=True)
            sys.stdin.read()
    """)
    path = str(tmp_path / "kernel.lock")
    holder = subprocess.Popen([sys.executable, "-c", code, path], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert holder.stdout.readline() == "holds\n"
    told = []
    _turns.when_waiting(lambda: told.append("waits"))
    monkeypatch.setattr(_turns, "LONGEST", 0.2)
    with _turns._turn(path):
        assert told == ["waits"]
    holder.communicate("")
    with _turns._turn(path):
        assert told == ["waits"]


def test_a_folder_without_locks_is_no_obstacle(tmp_path):
    with _turns._turn(str(tmp_path / "none" / "kernel.lock")):
        pass
