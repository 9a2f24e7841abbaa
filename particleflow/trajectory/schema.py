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
    /parameters/config                    the resolved configuration, TOML; paths of input as they
                                          stood in it, relative to attribute config_folder, itself
                                          relative to the folder of this file
    /parameters/plan/{frames, observables}  all times at which the run records, those of the
                                          future too; attributes begin, until, stop; spacing,
                                          first and step, how frames follow each other; divides,
                                          whether observables divide their intervals; integrator
                                          (its arguments, JSON); quantities; stages (JSON: step,
                                          time and arguments from which the integrator had others)
    /parameters/progress                  (2,) int64: frames and observable times acknowledged
    /parameters/checkpointed              (1,) int64: 1 once a checkpoint was written

What depends on the unit of x is in that of the network's x: theta, rhat, delta, sums over sectors
and rays, slope_variation.

T and T' are final when the file is created. What lies beyond ``progress`` was not recorded: times
and observables are NaN there, whole numbers -1, positions NaN and cells -1 too if all of them are
small (``parts.MOST_FILLED``), else 0. In files of particleflow 0.1.0 all are 0. A run that was
killed and goes on overwrites what it had written beyond ``progress``.

A cell is a sector 0 .. 2s-1, or 2s + r (sliding on ray r), or 4s (at rest in the origin).

Schema version 2 is that of a run of several ranks, which is the same but for::

    /parameters/parts                     attribute tag; rows (n_ranks + 1,): first recorded neuron
                                          of each rank
    /particles/neurons/{id, delta, position/value, cell/value}
                                          virtual, over datasets of the same names in the part of
                                          each rank, FILE.h5.parts/TAG-RANK.h5, which lies beside
                                          the file; attributes particleflow_part (the tag), rows

A file whose part is missing shows NaN and -1 to other readers (zeros, if particleflow 0.1.0 wrote
it); this one refuses it. Parts are named relative to the file, by the name that the file had then.

Positions and cells are chunked by (1, w) frames and neurons, or once repacked by (T, w), the paths
of few neurons, and may be compressed (shuffle, deflate) then.
"""

SCHEMA_VERSION, SCHEMA_OF_PARTS = 1, 2
NEWEST_SCHEMA = SCHEMA_OF_PARTS
PARTICLES = "particles/neurons"
CHECKPOINTED = "parameters/checkpointed"
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
