"""Videos from images, made by the program ffmpeg where it is installed."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from particleflow.errors import TrajectoryError, WriteError


def ffmpeg() -> str:
    """The path of the program.

    Raises
    ------
    TrajectoryError
        It is not installed.
    """
    found = shutil.which("ffmpeg")
    if found is None:
        raise TrajectoryError("animation: .mp4 needs the program ffmpeg; .gif needs none")
    return found


def write_mp4(images: Iterator[Image.Image], target: Path, frames_per_second: float) -> None:
    """Write images of one size into an MP4 file (H.264, which browsers and slides show).

    Raises
    ------
    TrajectoryError
        ffmpeg is not installed.
    WriteError
        ffmpeg fails; the text has what it said last.
    """
    first = next(images).convert("RGB")
    command = [
        ffmpeg(), "-loglevel", "error", "-y",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{first.width}x{first.height}",
        "-r", f"{frames_per_second:g}", "-i", "-",
        # players want even numbers of pixels, and colours at half the resolution
        "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white", "-pix_fmt", "yuv420p",
        "-movflags", "+faststart", "-f", "mp4", str(target),
    ]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            process.stdin.write(first.tobytes())
            for image in images:
                process.stdin.write(image.convert("RGB").tobytes())
            process.stdin.close()
        except BrokenPipeError:
            pass  # it has ended early, and says why
        said = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        last = said.splitlines()[-1] if said else f"exit code {process.returncode}"
        raise WriteError(f"{target}: ffmpeg: {last}")
