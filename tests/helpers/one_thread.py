"""Kernels for CUDA as one thread of the CPU: compiled, or as Python that counts the bytes it moves.

`take_the_place_of_a_device` lets every launch be one compiled thread.
"""

import types
from functools import cache

import numpy as np
from numba import njit
from numba.core.dispatcher import Dispatcher

from particleflow.backend import devices
from particleflow.kernels.cuda import _jit, arrays, slots


def _compiled(function, precision):
    """A function of a device as one thread, compiled for the CPU."""
    return _jit._compile_here(function, precision, _for_one_thread)


def _for_one_thread(value, precision):
    if value is _jit.cuda:
        return _one_compiled_thread()
    if isinstance(value, _jit.device | Dispatcher):
        return _compiled(value.py_func, precision)
    return value


@cache
def _one_compiled_thread():
    """A module whose names mean one thread."""

    @njit
    def array(shape, dtype):
        return np.empty(shape, dtype)

    @njit
    def syncthreads():
        pass

    @njit
    def vote(flag):
        return flag

    @njit
    def grid(ndim):
        return 0

    @njit
    def gridsize(ndim):
        return 1

    @njit
    def add(target, index, value):
        target[index] += value

    def module(**names):
        made = types.ModuleType("cuda")
        made.__dict__.update(names)
        return made

    zero, one = module(x=0, y=0, z=0), module(x=1, y=1, z=1)
    return module(
        threadIdx=zero, blockIdx=zero, blockDim=one, gridDim=one, shared=module(array=array),
        local=module(array=array), atomic=module(add=add), syncthreads=syncthreads,
        syncthreads_or=vote, grid=grid, gridsize=gridsize,
    )  # fmt: skip


class HostArray:
    """An array of a device that is the host: no array to kernels of the host, like a real one."""

    def __init__(self, array):
        self._array = array
        self.dtype, self.shape, self.size = array.dtype, array.shape, array.size
        self.nbytes, self.ndim = array.nbytes, array.ndim

    def __getitem__(self, key):
        return HostArray(self._array[key])

    def __array__(self, dtype=None, copy=None):
        array = np.asarray(self._array, dtype)
        return array.copy() if copy else array

    def copy_to_host(self, out=None, stream=0):
        if out is None:
            return self._array.copy()
        out[...] = self._array
        return out

    def copy_to_device(self, values, stream=0):
        self._array[...] = values


class Host:
    """What `arrays` asks of the module cuda."""

    @staticmethod
    def device_array(shape, dtype, stream=0):
        return HostArray(np.empty(shape, dtype))

    @staticmethod
    def to_device(values, stream=0):
        return HostArray(np.array(values))

    @staticmethod
    def current_context():
        pass

    @staticmethod
    def pinned_array(shape, dtype):
        return np.empty(shape, dtype)

    class stream:
        def synchronize(self):
            pass

    class event:
        def record(self, stream):
            pass

        wait = record

        def synchronize(self):
            pass


def take_the_place_of_a_device(monkeypatch):
    """Every launch is one thread, compiled for the CPU; returns the kernels that were launched."""
    launched = set()

    def launch(kernel, blocks, *args):
        precision, _ = kernel.dtypes(args)

        def plain(argument, value):
            if isinstance(argument, _jit.Composed):
                return argument.record(*map(plain, argument.members, value))
            kind, ndim = argument
            if ndim:
                return np.asarray(value)
            if kind in ("real", "double"):
                return np.dtype(precision if kind == "real" else float).type(value)
            return int(value)

        launched.add(kernel)
        kernel.launches += 1
        _compiled(kernel.body, precision)(*map(plain, kernel.arguments, args))

    monkeypatch.setattr(_jit.Kernel, "__call__", launch)
    monkeypatch.setattr(arrays, "cuda", Host)
    monkeypatch.setattr(arrays, "stream", Host.stream)
    monkeypatch.setattr(devices, "cuda_problem", lambda: None)
    monkeypatch.setattr("particleflow.kernels.cuda.devices.memory", lambda: None)
    monkeypatch.setattr(slots, "threads_a_block", lambda: 1)
    return launched


LINE = 32
"""Bytes that a device moves at least, for an element read at a place of its own."""


class Counting:
    """An array that counts the bytes which are read from it and written to it."""

    def __init__(self, array, whole_lines=False):
        self.array, self.bytes = array, 0
        self.unit = LINE if whole_lines else array.itemsize
        self.size, self.shape = array.size, array.shape

    def __getitem__(self, key):
        self.bytes += self.unit
        return self.array[key]

    def __setitem__(self, key, value):
        self.bytes += self.unit
        self.array[key] = value


def _shared(shape, dtype):
    return np.empty(shape, dtype.name)


def _vote(flag):
    return flag


def _add(target, index, value):
    target[index] += value


def _nothing():
    pass


def _namespace(**names):
    return types.SimpleNamespace(**names)


_ZERO, _ONE = _namespace(x=0), _namespace(x=1)
ONE_THREAD = _namespace(
    threadIdx=_ZERO, blockIdx=_ZERO, blockDim=_ONE, gridDim=_ONE,
    shared=_namespace(array=_shared), atomic=_namespace(add=_add), syncthreads=_nothing,
    syncthreads_or=_vote,
)  # fmt: skip


def _for_python(value, precision):
    if value is _jit.cuda:
        return ONE_THREAD
    if isinstance(value, _jit.device):
        return _jit._copy(value.py_func, precision, _for_python)
    if isinstance(value, Dispatcher):
        return _compiled(value.py_func, precision)
    return value


def launch(kernel, *args):
    """Run a kernel on arrays of the host, `Counting` ones among them."""
    _jit._copy(kernel.body, "float64", _for_python)(*args)
