"""The page of a trajectory in Chromium: its size, how soon it is drawn, frames a second."""

import shutil
import statistics

import pytest
from cases import neurons

import particleflow as pf

FRAMES = 200
# sets the slider anew as soon as everything is drawn, for some seconds
DRAG = """
const done = arguments[0], slider = Bokeh.documents[0].get_model_by_name('slider')
const begin = performance.now(), before = particleflow.drawn
let frame = 0
const step = (now) => {
  const seconds = (now - begin) / 1000
  if (seconds > 4) return done((particleflow.drawn - before) / seconds)
  if (Bokeh.documents[0].is_idle) slider.value = frame++ % (slider.end + 1)
  requestAnimationFrame(step)
}
requestAnimationFrame(step)
"""


@pytest.mark.skipif(shutil.which("chromedriver") is None, reason="needs Chromium and its driver")
@pytest.mark.parametrize("m", [1000, 5000])
def test_page(benchmark, quick, tmp_path, m):
    """Neurons at 200 frames; the benchmarked time is that of making the page."""
    pytest.importorskip("selenium")
    from browsing import Browser

    sim = pf.Simulation(pf.Samples.generate("sine", 12), neurons(m))
    path = tmp_path / "run.h5"
    sim.writers.append(pf.TrajectoryWriter(path, frames=FRAMES, spacing="geometric", first=1e-2))
    sim.run(1000.0)
    page = benchmark.pedantic(pf.view, args=(path,), rounds=1 if quick else 3, warmup_rounds=1)
    page.save(tmp_path / "page.html")
    window = Browser()
    try:
        seconds = [window.open(tmp_path / "page.html") for _ in range(1 if quick else 7)]
        window.settle()
        rates = [window.driver.execute_async_script(DRAG) for _ in range(1 if quick else 3)]
    finally:
        window.close()
    benchmark.extra_info.update(
        megabytes=len(page.html.encode()) / 1e6,
        seconds_to_open=statistics.median(seconds),
        frames_a_second=statistics.median(rates),
    )
    print(f"m = {m:,}: {benchmark.extra_info}")
