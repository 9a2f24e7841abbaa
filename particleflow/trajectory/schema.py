"""Layout of the trajectory file: H5MD 1.1, and what this package adds to it.

Schema version 1::

    /                                     attribute schema_version
    /h5md                                 version [1, 1]; author {name}; creator {name, version}
    /particles/neurons/box                dimension 2, boundary ["none", "periodic"],
                                          edges [1, 2 pi]
    /particles/neurons/position           value (T, n, 2) = (rhat, theta in (-pi, pi]),
                                          step (T,), time (T,)
    /particles/neurons/cell               value (T, n) int32; step, time hard-linked
    /particles/neurons/id                 (n,) index of the neuron in the run
    /particles/neurons/delta              (n,) c^2 - a^2 - b^2 at the start, network metric only
    /particles/neurons/component          (2,) "rhat", "theta": labels of the last axis
    /observables/NAME                     value (T', ...), step, time hard-linked
    /observables/sample                   (s,) x of the samples, the scale of axes over samples
    /observables/neurons/NAME             sums over the neurons of each sector or ray
    /observables/user/NAME                what the user added
    /parameters                           attributes alpha, m, s, metric, integrator, device,
                                          state_dtype, threads, seed, run (an identifier that
                                          checkpoints share), version_...
    /parameters/samples/{x, y}            x as the network sees it, which is that of the samples
                                          unless attributes x_shift, x_scale say otherwise: then
                                          original_x = x_shift + x_scale x is there too
    /parameters/config                    the resolved configuration, TOML
    /parameters/plan/{frames, observables}  all times at which the run records, those of the
                                          future too; attributes begin, until, stop; spacing,
                                          first and step, how frames follow each other; divides,
                                          whether observables divide their intervals; integrator
                                          (its arguments, JSON); quantities
    /parameters/progress                  (2,) int64: frames and observable times acknowledged

What depends on the unit of x is in that of the network's x: theta, rhat, delta, sums over sectors
and rays, slope_variation.

T and T' are final when the file is created. Everything beyond ``progress`` is undefined: readers
trust it only. A cell is a sector 0 .. 2s-1, or 2s + r (sliding on ray r), or 4s (at rest in the
origin).

Schema version 2 is that of a run of several ranks, which is the same but for::

    /parameters/parts                     attribute tag; rows (n_ranks + 1,): first recorded neuron
                                          of each rank
    /particles/neurons/{id, delta, position/value, cell/value}
                                          virtual, over datasets of the same names in the part of
                                          each rank, FILE.h5.parts/TAG-RANK.h5, which lies beside
                                          the file; attributes particleflow_part (the tag), rows

A file whose part is missing shows zeros to other readers; this one refuses it.

Positions and cells are chunked by (1, w) frames and neurons, or once repacked by (T, w), the paths
of few neurons, and may be compressed (shuffle, deflate) then.
"""

SCHEMA_VERSION, SCHEMA_OF_PARTS = 1, 2
NEWEST_SCHEMA = SCHEMA_OF_PARTS
PARTICLES = "particles/neurons"
CHUNK = 131072
"""Neurons a chunk, about."""
_FRAMES = 4096
"""Frames a chunk, at most, where it holds the paths of neurons."""


def chunk_width(n: int) -> int:
    """Neurons a chunk: n over a whole number, near `CHUNK`, so that hardly any space is padded."""
    pieces = max(1, round(n / CHUNK))
    return -(-n // pieces)


def path_chunk(frames: int, n: int) -> tuple[int, int]:
    """Frames and neurons a chunk in the layout "particles": about as much in one as in frames."""
    long = min(frames, _FRAMES)
    pieces = max(1, round(n * long / CHUNK))
    return long, max(1, -(-n // pieces))
