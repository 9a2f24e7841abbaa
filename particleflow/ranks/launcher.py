"""Rank and size of this process as the launcher of an MPI job left them in its environment.

Nothing here starts MPI.
"""

import os
import sys

_RANKS = (
    "PMI_RANK",  # MPICH, Intel MPI, Slurm
    "PMIX_RANK",  # Slurm, PRRTE
    "OMPI_COMM_WORLD_RANK",  # Open MPI
    "MV2_COMM_WORLD_RANK",  # MVAPICH
    "PALS_RANKID",  # Cray
)
_SIZES = (
    "PMI_SIZE",
    "OMPI_COMM_WORLD_SIZE",
    "MV2_COMM_WORLD_SIZE",
    "PALS_SIZE",
    "SLURM_STEP_NUM_TASKS",
)
_LOCAL_RANKS = (
    "MPI_LOCALRANKID",
    "OMPI_COMM_WORLD_LOCAL_RANK",
    "MV2_COMM_WORLD_LOCAL_RANK",
    "PALS_LOCAL_RANKID",
    "SLURM_LOCALID",
)
_LOCAL_SIZES = (
    "MPI_LOCALNRANKS",
    "OMPI_COMM_WORLD_LOCAL_SIZE",
    "MV2_COMM_WORLD_LOCAL_SIZE",
    "PALS_LOCAL_SIZE",
    "SLURM_NTASKS_PER_NODE",
)


def is_launched() -> bool:
    """Whether a launcher has started this process, or the program uses mpi4py by itself."""
    return "mpi4py.MPI" in sys.modules or any(name in os.environ for name in _RANKS)


def rank() -> int:
    """The number of this process, 0 without a launcher."""
    return _first(_RANKS, 0)


def size() -> int:
    """How many processes it has started, 1 if it does not say."""
    return _first(_SIZES, 1)


def local_rank() -> int:
    """The number of this process among those of this machine, 0 if it does not say."""
    return _first(_LOCAL_RANKS, 0)


def local_size() -> int:
    """How many processes it has started on this machine, 1 if it does not say."""
    return max(1, _first(_LOCAL_SIZES, 1))


def _first(names: tuple[str, ...], default: int) -> int:
    """The first of these variables that is a number."""
    values = (os.environ.get(name, "") for name in names)
    return next((int(value) for value in values if value.isdigit()), default)
