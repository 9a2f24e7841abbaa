"""Rank and size of this process as the launcher of an MPI job has left them in the environment.

Nothing here starts MPI. Each launcher has variables of its own.
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
    """The number of this process among those of the launcher; 0 without a launcher."""
    return _first(_RANKS, 0)


def size() -> int:
    """The number of processes that the launcher has started; 1 if no variable says."""
    return _first(_SIZES, 1)


def local_rank() -> int:
    """The number of this process among those on this machine; 0 if no variable says."""
    return _first(_LOCAL_RANKS, 0)


def local_size() -> int:
    """The number of processes that the launcher has started on this machine; 1 if unknown."""
    return max(1, _first(_LOCAL_SIZES, 1))


def _first(names: tuple[str, ...], default: int) -> int:
    """The value of the first of these variables that is a whole number, else the default."""
    values = (os.environ.get(name, "") for name in names)
    return next((int(value) for value in values if value.isdigit()), default)
