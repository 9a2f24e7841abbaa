#!/usr/bin/env bash
# Pillow 11.0.0: durations of the frames of a GIF.
# Guess: durations are rounded so that an animation lasts about as long as asked for, or a duration that GIF cannot hold is refused.
# Seen: each is cut to whole hundredths of a second by itself: 90 frames of 1000/30 ms are 2.7 s instead of 3.0 s.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==11.0.0
cd "$folder"
venv/bin/python - <<'PY'
import PIL
from PIL import Image

frames = [Image.linear_gradient("L").resize((16, 16)).point(lambda v, k=k: (v + 2 * k) % 256) for k in range(90)]
frames[0].save("a.gif", save_all=True, append_images=frames[1:], duration=1000 / 30, loop=0)
with Image.open("a.gif") as gif:
    durations = []
    for k in range(gif.n_frames):
        gif.seek(k)
        durations.append(gif.info["duration"])
print(f"Pillow {PIL.__version__}: {len(durations)} frames of {set(durations)} ms, {sum(durations) / 1000} s of 3 s")
assert len(durations) == 90
assert set(durations) == {30}
PY
