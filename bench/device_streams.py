"""The memory streams of a CUDA device, launched as the kernels are."""

from particleflow.kernels.cuda._jit import blocks_for, cuda, ints, kernel, real, reals, stream


@kernel(reals(), reals(), reals(), real, blocks_a_processor=4)
def _scale(a, b, c, factor):
    for i in range(cuda.grid(1), a.size, cuda.gridsize(1)):
        a[i] *= factor
        b[i] *= factor
        c[i] *= factor


@kernel(
    reals(), reals(), reals(), ints, reals(), reals(), reals(), ints, blocks_a_processor=4
)  # fmt: skip
def _copy(a, b, c, k, a1, b1, c1, k1):
    for i in range(cuda.grid(1), a.size, cuda.gridsize(1)):
        a1[i] = a[i]
        b1[i] = b[i]
        c1[i] = c[i]
        k1[i] = k[i]


def in_place(state):
    """Read and write every variable of a state once."""
    _scale(blocks_for(state.size), *state.neurons[:3], 1.0)
    stream().synchronize()


def out_of_place(state, rows, cell):
    """Copy all variables and cells."""
    _copy(blocks_for(state.size), *state.neurons, *rows, cell)
    stream().synchronize()
