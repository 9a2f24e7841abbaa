"""Questions about the device: whether there is one that works, its name, its memory."""

from ._jit import cuda, simulated


def problem():
    """The reason why kernels cannot run, in words; None if they can."""
    if simulated:
        return None
    try:
        cuda.current_context()
        have, need = _versions()
    except Exception as error:
        first_line = str(error).strip().splitlines() or [type(error).__name__]
        return f"no device can be used: {first_line[0]}"
    if have < need:
        return (
            f"the driver is too old: it serves CUDA {have[0]}, numba-cuda was installed for "
            f"CUDA {need[0]}; update the driver or install the extra for CUDA {have[0]}"
        )
    return None


def _versions():
    """The major versions of CUDA that the driver serves and for which the compiler makes code."""
    from numba.cuda.cudadrv.driver import driver

    return driver.get_version()[:1], cuda.runtime.get_version()[:1]


def use(number):
    """Use the device of this number, modulo the number of devices, from now on."""
    try:
        cuda.select_device(number % len(cuda.gpus))
    except Exception:  # `problem` says what is wrong with them
        return


def name():
    """The name of the present device."""
    if simulated:
        return "numba's simulator"
    found = cuda.get_current_device().name
    return found.decode() if isinstance(found, bytes) else str(found)


def memory():
    """Bytes of the device's memory that are free, and in all; None in the simulator."""
    if simulated:
        return None
    free, total = cuda.current_context().get_memory_info()
    return int(free), int(total)
