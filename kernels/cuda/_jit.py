"""How kernels for CUDA are declared, compiled for a precision, and launched.

A kernel is a plain function with the types of its arguments; `reals` and `real` stand for the
precision of the state. It calls `device` functions of this package and the scalar physics of
``kernels``, and is compiled from copies of all of these: in single precision every float literal
and every float constant of a module is float32 (``kernels.precision`` has those whose value
depends on it), so that one source serves both and no float64 arithmetic is left but what says
``float64``. Two targets take such copies, and tests a third, one thread of the CPU:

* a device, through numba-cuda;
* numba's simulator (``NUMBA_ENABLE_CUDASIM=1``), in which the kernels run as Python and the scalar
  physics as compiled code.

Kernels stride over blocks and threads, so that they are right for any launch. Blocks have
`THREADS` threads, a few in the simulator, whose threads are Python's.
"""

import sys
import threading
import types as python
import warnings
from collections import namedtuple
from functools import cache

import numba
import numpy as np
from numba import cuda, float64, int32, int64
from numba.core.dispatcher import Dispatcher

from .._jit import driver
from ..precision import SINGLE
from ..records import Frozen, Maps, Neurons, Rest

__all__ = [
    "KERNELS",
    "THREADS",
    "Kernel",
    "anything",
    "blocks_for",
    "composed",
    "cuda",
    "device",
    "double",
    "doubles",
    "float64",
    "frozen",
    "int32",
    "int64",
    "ints",
    "kernel",
    "listed",
    "long",
    "longs",
    "maps",
    "neurons",
    "real",
    "reals",
    "simulated",
    "stream",
    "threads_a_block",
    "variant",
]

THREADS = 256
"""Threads of a block, a power of 2."""
_SIMULATED_THREADS = 4

simulated = bool(numba.config.ENABLE_CUDASIM)
"""Whether numba's simulator stands for the device."""

Argument = namedtuple("Argument", "kind ndim")
Composed = namedtuple("Composed", "record members")


def reals(ndim=1):
    """An array of the precision of the state."""
    return Argument("real", ndim)


def doubles(ndim=1):
    """An array of float64."""
    return Argument("double", ndim)


def anything(ndim=1):
    """An array of float32, float64 or int32, the same for all such arguments of a kernel."""
    return Argument("anything", ndim)


ints, longs = Argument("int", 1), Argument("long", 1)
"""Arrays of int32 and int64."""
real, double, long = Argument("real", 0), Argument("double", 0), Argument("long", 0)
"""Numbers of the state's precision, float64, and int64."""


def composed(record, *members):
    """A record (see ``kernels.records``) of arguments of these types."""
    return Composed(record, members)


neurons = composed(Neurons, reals(), reals(), reals(), ints)
frozen = composed(Frozen, reals(2), reals(2), reals())
maps = composed(Maps, reals(2), reals(2))
listed = composed(Rest, ints, ints)
"""Records of arguments that several kernels take."""

_TYPES = {"double": numba.float64, "int": numba.int32, "long": numba.int64}
_DTYPES = {"float64": numba.float64, "float32": numba.float32, "int32": numba.int32}


class _DeviceFunction:
    """A function of device code that knows blocks and threads."""

    def __init__(self, function):
        self.py_func = function
        self.__doc__, self.__name__ = function.__doc__, function.__name__


device = _DeviceFunction
KERNELS: "dict[str, Kernel]" = {}
"""All kernels by name, ``module.kernel``."""


@cache
def stream():
    """The stream in which all kernels and transfers of the state queue up."""
    return cuda.stream()


def threads_a_block():
    """Threads of the blocks that are launched."""
    return _SIMULATED_THREADS if simulated else THREADS


def blocks_for(n):
    """Number of blocks to launch for n independent elements."""
    return min(-(-n // threads_a_block()), 2**16)


class Kernel:
    """A kernel of any precision, which is called with the number of blocks and its arguments."""

    def __init__(self, body, arguments, blocks_a_processor):
        self.body, self.arguments = body, arguments
        self.__doc__, self.__name__ = body.__doc__, body.__name__
        self.launch_bounds = (THREADS, blocks_a_processor)
        self.launches = 0
        KERNELS[f"{body.__module__.rpartition('.')[2]}.{body.__name__.lstrip('_')}"] = self

    def signature(self, precision, dtype=None):
        """The numba types of the arguments; ``dtype`` stands for `anything`."""
        of_kind = dict(_TYPES, real=_DTYPES[precision], anything=_DTYPES[dtype or precision])

        def type_of(argument):
            if isinstance(argument, Composed):
                members = tuple(map(type_of, argument.members))
                return numba.types.NamedTuple(members, argument.record)
            kind, ndim = argument
            return of_kind[kind] if ndim == 0 else numba.types.Array(of_kind[kind], ndim, "C")

        return tuple(map(type_of, self.arguments))

    @property
    def is_generic(self):
        """Whether the kernel depends on the precision of the state."""
        return any(argument.kind == "real" for argument in _plain(self.arguments))

    @cache  # noqa: B019 (kernels live as long as the module)
    def compiled(self, precision, dtype):
        """The dispatcher of the compiled kernel for the present device."""
        if simulated:
            return cuda.jit(_copy(self.body, precision, _for_simulator))
        signature = self.signature(precision, dtype)
        # without link-time optimisation: other registers, and spills in `push`
        compile_ = cuda.jit(numba.void(*signature), launch_bounds=self.launch_bounds, lto=False)
        return compile_(_copy(self.body, precision, _for_device))

    @cache  # noqa: B019
    def launcher(self, precision, dtype, blocks):
        """What launches the kernel with so many blocks, without a warning that they are few."""
        compiled = self.compiled(precision, dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compiled[blocks, threads_a_block(), stream()]

    def __call__(self, blocks, *args):
        """Launch the kernel with this many blocks."""
        self.launches += 1
        precision, dtype = self.dtypes(args)
        if precision == "float32":
            args = [_in_single(*pair) for pair in zip(self.arguments, args, strict=True)]
        self.launcher(precision, dtype, max(1, blocks))(*args)

    def dtypes(self, args):
        """The precision of the state, and the dtype of `anything`, in these arguments."""
        found = {"real": "float64", "anything": "float64"}
        for argument, value in zip(
            _plain(self.arguments), _values(self.arguments, args), strict=True
        ):
            if argument.ndim and argument.kind in found:
                found[argument.kind] = str(value.dtype)
        return found["real"], found["anything"]


def _plain(arguments):
    """The arguments one by one, with the members of a record in its place."""
    for argument in arguments:
        if isinstance(argument, Composed):
            yield from _plain(argument.members)
        else:
            yield argument


def _values(arguments, values):
    """The values of the arguments, in the sequence of `_plain`."""
    for argument, value in zip(arguments, values, strict=True):
        if isinstance(argument, Composed):
            yield from _values(argument.members, value)
        else:
            yield value


def _in_single(argument, value):
    """A value whose numbers of the state's precision have become float32."""
    if isinstance(argument, Composed):
        return argument.record(*map(_in_single, argument.members, value))
    return np.float32(value) if argument == real else value


def kernel(*arguments, blocks_a_processor=2):
    """Declare a kernel with the types of its arguments.

    ``blocks_a_processor`` blocks shall fit into a multiprocessor at once, which bounds the
    registers of a thread: 65,536 for all.
    """
    return lambda body: Kernel(body, arguments, blocks_a_processor)


def variant(body, name, **names):
    """A copy of a kernel's body in which these global names stand for other functions."""
    scope = {**body.__globals__, **names}
    made = python.FunctionType(body.__code__, scope, name, body.__defaults__)
    # numba's cache on disk would take one for the other by their names and lines
    made.__doc__, made.__qualname__ = body.__doc__, name
    return made


# copies of functions --------------------------------------------------------------------


def _single(value):
    if isinstance(value, float):
        return np.float32(value)
    if isinstance(value, tuple):
        return tuple(_single(v) for v in value)
    return value


@cache
def _copy(function, precision, convert):
    """A copy of a function with literals of a precision, its globals converted for a target."""
    code, scope = function.__code__, dict(function.__globals__)
    for name in code.co_names:
        if name in scope:
            value = convert(scope[name], precision)
            if precision == "float32" and isinstance(value, float):
                value = np.float32(SINGLE.get(name, value))
            scope[name] = value
    if precision == "float32":
        code = code.replace(co_consts=_single(code.co_consts))
    copied = python.FunctionType(code, scope, function.__name__, function.__defaults__)
    copied.__qualname__ = function.__qualname__
    return copied


def _for_device(value, precision):
    if isinstance(value, _DeviceFunction | Dispatcher):
        return _device_function(value.py_func, precision)
    return value


@cache
def _device_function(function, precision):
    return cuda.jit(device=True)(_copy(function, precision, _for_device))


class _Context:
    """Stands for the module ``cuda`` in simulated kernels.

    The simulator swaps it in the globals of one function at a time, which threads inside device
    functions would trip over, and two threads may both make a shared array there.
    """

    def __getattr__(self, name):
        from numba.cuda.simulator.kernel import _get_kernel_context

        context = _get_kernel_context()
        return _Shared(context) if name == "shared" else getattr(context, name)


_making = threading.Lock()


class _Shared:
    """Shared arrays of a simulated block, told apart by the line that asks for them."""

    def __init__(self, context):
        self._made = context.__dict__.setdefault("_shared_by_line", {})

    def array(self, shape, dtype):
        frame = sys._getframe(1)
        key = frame.f_code.co_filename, frame.f_lineno
        with _making:
            if key not in self._made:
                self._made[key] = np.empty(shape, dtype.name)
        return self._made[key]


def _for_simulator(value, precision):
    if value is cuda:
        return _Context()
    if isinstance(value, _DeviceFunction):
        return _copy(value.py_func, precision, _for_simulator)
    if isinstance(value, Dispatcher):
        return _on_plain_arrays(_compile_here(value.py_func, precision, _for_host))
    return value


def _for_host(value, precision):
    if isinstance(value, Dispatcher):
        return _compile_here(value.py_func, precision, _for_host)
    return value


def _on_plain_arrays(function):
    def plain(value):
        if isinstance(value, tuple):
            return type(value)(*map(plain, value))
        return getattr(getattr(value, "_item", value), "_ary", value)

    return lambda *args: function(*map(plain, args))


@cache
def _compile_here(function, precision, convert):
    return driver(_copy(function, precision, convert))
