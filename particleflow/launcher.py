"""What the launcher of an MPI job says of this process in its environment; starts no MPI."""

import os
import sys

_RANKS = (
    "PMI_RANK",  # MPICH, Intel MPI, Slurm
    "PMIX_RANK",  # Slurm, PRRTE
    "OMPI_COMM_WORLD_RANK",  # Open MPI
    "MV2_COMM_WORLD_RANK",  # MVAPICH
    "PALS_RANKID",  # Cray
)
_SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_NTASKS")


def is_launched() -> bool:
    """Whether a launcher has started this process, or the program uses mpi4py by itself."""
    return "mpi4py.MPI" in sys.modules or any(name in os.environ for name in _RANKS)


def are_several() -> bool:
    """Whether it has started more than one."""
    return any(os.environ.get(name, "1") not in ("", "0", "1") for name in _SIZES)


def rank() -> int:
    """The number of this process, 0 without a launcher."""
    numbers = (os.environ.get(name, "") for name in _RANKS)
    return next((int(number) for number in numbers if number.isdigit()), 0)
