"""Every kernel, compiled and assembled without a device, and the resources that it needs of one.

``python -m particleflow.kernels.cuda.offline`` prints a table. It needs numba-cuda with its
compiler (extras ``cuda12``, ``cuda13``) but no driver.
"""

import re
from collections import namedtuple
from unittest import mock

import numba

from . import _jit, descent, frames, passes, runge_kutta, velocity
from ._jit import KERNELS, cuda

LOADED = (descent, frames, passes, runge_kutta, velocity)
PROCESSORS = {"sm_80": (8, 0), "sm_90": (9, 0)}
"""Compute capability of each kind of processor in the table."""
Resources = namedtuple("Resources", "registers shared stack spilled")
"""Registers of a thread; bytes of shared memory of a block; bytes of stack and of spills of a
thread, the latter of stores and loads together."""


def variants():
    """Name, kernel and precision of everything that can be launched."""
    for name, kernel in sorted(KERNELS.items()):
        for precision in ("float64", "float32") if kernel.is_generic else ("float64",):
            yield name, kernel, precision


def ptx(kernel, precision, processor):
    """The kernel as PTX for a processor, compiled with the options that a device would get."""
    body = _jit._copy(kernel.body, precision, _jit._for_device)
    signature = numba.void(*kernel.signature(precision))
    capability = PROCESSORS[processor]
    # numba asks the present device for its capability when it compiles device functions
    device = mock.Mock(compute_capability=capability)
    with mock.patch("numba.cuda.dispatcher.get_current_device", return_value=device):
        code, _ = cuda.compile(
            body, signature, device=False, abi="numba", cc=capability, output="ptx",
            launch_bounds=kernel.launch_bounds,
        )  # fmt: skip
    return code if isinstance(code, str) else code.decode()


def assembled(code, processor):
    """The `Resources` that the machine code of a kernel needs on a processor."""
    from cuda.bindings import nvjitlink

    link = nvjitlink.create(2, [f"-arch={processor}", "-verbose"])
    try:
        data = code.encode()
        nvjitlink.add_data(link, nvjitlink.InputType.PTX, data, len(data), "kernel")
        nvjitlink.complete(link)
        log = bytearray(nvjitlink.get_info_log_size(link))
        nvjitlink.get_info_log(link, log)
    finally:
        nvjitlink.destroy(link)
    report = log.decode()

    def number(pattern):
        found = re.findall(pattern, report)
        return int(found[-1]) if found else 0

    return Resources(
        number(r"[Uu]sed (\d+) registers"),
        number(r"(\d+) bytes smem"),
        number(r"(\d+) bytes stack frame"),
        number(r"(\d+) bytes spill stores") + number(r"(\d+) bytes spill loads"),
    )


def table():
    """The rows of the table: name, precision, and the `Resources` on each processor."""
    for name, kernel, precision in variants():
        yield (
            name,
            precision,
            [assembled(ptx(kernel, precision, processor), processor) for processor in PROCESSORS],
        )


def main():
    """Print the table."""
    print("| kernel | precision | registers sm_80 / sm_90 | shared memory, B | spilled, B |")
    print("|---|---|---|---|---|")
    for name, precision, (old, new) in table():
        print(
            f"| `{name}` | {precision} | {old.registers} / {new.registers} | {new.shared:,} | "
            f"{old.spilled + new.spilled} |"
        )


if __name__ == "__main__":
    main()
