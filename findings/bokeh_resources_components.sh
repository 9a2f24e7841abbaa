#!/usr/bin/env bash
# bokeh 3.9.2: file_html with chosen components of the inlined scripts.
# Guess: Resources(mode="inline", components=["bokeh"]) makes a smaller page than INLINE.
# Seen: file_html raises ValueError: list.remove(x): x not in list. It leaves out unused components by itself, and
#   expects all of them to be in the list.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check bokeh==3.9.2
cd "$folder"
venv/bin/python - <<'PY'
import bokeh
from bokeh.embed import file_html
from bokeh.plotting import figure
from bokeh.resources import INLINE, Resources

plot = figure()
plot.line([0, 1], [0, 1])
page = file_html(plot, resources=INLINE, title="a")
print(f"bokeh {bokeh.__version__}, INLINE: {len(page) / 1e6:.1f} MB, "
      f"widgets {'in' if 'bokeh-widgets' in page else 'left out'}")
try:
    file_html(plot, resources=Resources(mode="inline", components=["bokeh"]), title="a")
    raise SystemExit("it works now")
except ValueError as error:
    print(f"components: ValueError: {error}")
    assert "not in list" in str(error)
PY
