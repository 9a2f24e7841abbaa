"""A hint to the processor which elements of an array will be needed soon.

Loops that compute while they stream leave the memory idle in between; with the hint they reach the
speed of a bare stream (bench/NOTES.md).
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LINE = 8
"""Number of float64 elements in a cache line."""
AHEAD = 256
"""Number of elements between the one in work and the one that is fetched: of 64 to 1,024 the
fastest (bench/NOTES.md)."""


@intrinsic
def prefetch(typing_context, array, index):
    """Fetch the cache line of ``array[index]``; an index beyond the end does no harm."""
    del typing_context

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte = ir.IntType(8).as_pointer()
        number = ir.IntType(32)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte, number, number, number]),
            "llvm.prefetch.p0",
        )
        address = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        reading, into_every_level, data_cache = number(0), number(3), number(1)
        builder.call(function, [address, reading, into_every_level, data_cache])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate
