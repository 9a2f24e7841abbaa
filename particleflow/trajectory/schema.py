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
    /particles/neurons/delta_factor       value (T,) what weight decay has multiplied delta by, in
                                          the flow exp(-2 lambda tau), in gradient descent
                                          (1 - lambda dtau)^2 a step; step, time hard-linked;
                                          missing without weight decay
    /particles/neurons/mass               (n,) weights of the neurons, of sum 1 over all m;
                                          missing if all are equal
    /particles/neurons/component          (2,) "rhat", "theta": labels of the last axis
    /observables/{step, time}             (T',) of all observable times
    /observables/NAME                     value (T', ...); step, time hard-linked to those, or to
                                          those of position if recorded at frames, or of its own if
                                          attribute every, its cadence, is more than 1
    /observables/sample                   (s,) x of the samples, the scale of axes over samples
    /observables/neurons/NAME             sums over the neurons of each sector or ray
    /observables/user/NAME                what the user added
    /parameters                           attributes alpha, m, s, metric, integrator, device,
                                          decay (missing without weight decay), state_dtype,
                                          threads, ranks, seed, config_folder, run (an identifier
                                          that checkpoints share), version_...
    /parameters/samples/{x, y}            x as the network sees it, which is that of the samples
                                          unless attributes x_shift, x_scale say otherwise: then
                                          original_x = x_shift + x_scale x is there too
                                          attributes x_name, y_name: names of columns
    /parameters/samples/notes             how a file was read, a sentence each, if there was one
    /parameters/samples/weights           (s,), there if a weight is not 1
    /parameters/samples/rows/{x, y, weights}  (n,) each, the rows as they were given, if rows of
                                          equal x are one sample; attribute loss_within
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

Values that depend on the unit of x, which are theta, rhat, delta, sums over sectors and rays, and
slope_variation, are in the unit of the x that the network sees.

T, the number of frames, and T', that of observable times, are final when the file is created. Rows
beyond ``progress`` were not recorded: times and observables are NaN there, whole numbers -1,
positions NaN and cells -1 too if all of them are small (``parts.MOST_FILLED``), else 0. In files of
particleflow 0.1.0 all these values are 0. A run that was killed and goes on overwrites rows that it
had written beyond ``progress``.

A cell is a sector 0 .. 2s-1, or 2s + r (sliding on ray r), or 4s (at rest in the origin).

Schema version 2 is that of a run of several ranks. It differs from version 1 in this::

    /parameters/parts                     attribute tag; rows (n_ranks + 1,): first recorded neuron
                                          of each rank
    /particles/neurons/{id, delta, mass, position/value, cell/value}
                                          virtual, over datasets of the same names in the part of
                                          each rank, FILE.h5.parts/TAG-RANK.h5, which lies beside
                                          the file; attributes particleflow_part (the tag), rows

If a part is missing, this package refuses the file; other readers see NaN and -1 in its place
(zeros, if particleflow 0.1.0 wrote the file). Parts are named relative to the file, in a folder
called after the name that the file had when it was made.

A chunk of positions or cells holds (1, w) frames and neurons. In a repacked file it may hold the
paths of few neurons, (T, w) or a part of them, and be compressed (shuffle, deflate).
"""

SCHEMA_VERSION, SCHEMA_OF_PARTS = 1, 2
NEWEST_SCHEMA = SCHEMA_OF_PARTS
PARTICLES = "particles/neurons"
CONSTANTS = ("delta", "mass")
"""Datasets of `PARTICLES` with a number for each recorded neuron, which files have if they need."""
DELTA_FACTOR = "delta_factor"
"""Group in `PARTICLES` with a number for each frame, which runs with weight decay have."""
ROWS = "rows"
"""Group of the rows that samples are made of, in /parameters/samples."""
CHECKPOINTED = "parameters/checkpointed"
CHUNK = 131072
"""Neurons in a chunk, about."""
_FRAMES = 4096
"""Largest number of frames in a chunk that holds the paths of neurons."""


def chunk_width(n: int) -> int:
    """Neurons in a chunk: near `CHUNK`, and such that the last chunk is hardly padded."""
    pieces = max(1, round(n / CHUNK))
    return -(-n // pieces)


def path_chunk(frames: int, n: int) -> tuple[int, int]:
    """Frames and neurons in a chunk of the layout "particles", about `CHUNK` pairs of them."""
    long = min(frames, _FRAMES)
    pieces = max(1, round(n * long / CHUNK))
    return long, max(1, -(-n // pieces))
