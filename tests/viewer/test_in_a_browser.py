"""The page of a trajectory in a real Chromium: slider, button, mouse, and what is drawn then."""

import importlib.util
import io
import shutil

import numpy as np
import pytest
from PIL import Image

import particleflow as pf
from particleflow.viewer.selection import compressed, select

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        importlib.util.find_spec("selenium") is None or shutil.which("chromedriver") is None,
        reason="needs Chromium with its driver, and selenium (extra browser)",
    ),
]
M, FRAMES = 100, 40


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a page")
    x = np.linspace(-1.0, 1.0, 9)
    samples = pf.Samples(x, np.abs(x) - 0.3 * np.cos(7.0 * x))  # with a kink at 0, where knots stay
    sim = pf.Simulation(samples, pf.initialise("reduced", M, delta=-1.0, seed=0))
    path = folder / "a run.h5"
    sim.writers.append(pf.TrajectoryWriter(path, frames=FRAMES, spacing="geometric", first=0.1))
    sim.run(200.0)
    pf.view(path).save(folder / "a page.html")
    return path


@pytest.fixture(scope="module")
def window():
    from browsing import Browser

    window = Browser()
    yield window
    window.close()


@pytest.fixture
def page(window, run):
    window.open(run.with_name("a page.html"))
    window.settle()
    yield window
    assert window.problems() == []


@pytest.fixture(scope="module")
def places(run):
    """(theta, compressed rhat) and knots of all neurons at all frames."""
    with pf.open_trajectory(run) as file:
        position = file.position(slice(None)).astype(float)
        chosen = select(file, M, FRAMES)
        return position[..., 1], compressed(position[..., 0], chosen.unit), file.knots(slice(None))


def lonely(theta, radius):
    """The neuron that is farthest from its neighbours on the cylinder, and not at its border."""
    places = np.stack([theta, np.pi * radius / np.abs(radius).max()], axis=1)
    distance = np.hypot(*(places[:, None] - places).T)
    np.fill_diagonal(distance, np.inf)
    least = distance.min(axis=1)
    least[(np.abs(places) > 0.9 * np.pi).any(axis=1)] = 0.0
    assert least.max() > 0.15  # some eight pixels
    return int(least.argmax())


def picture(window, panel):
    """The pixels of a panel as the window shows them, (h, w, 3)."""
    shot = Image.open(io.BytesIO(window.driver.get_screenshot_as_png())).convert("RGB")
    left, top, width, height = window.run(
        """
        const { frame, el } = view(arguments[0]), box = el.getBoundingClientRect()
        return [box.left + frame.bbox.left, box.top + frame.bbox.top, frame.bbox.width,
                frame.bbox.height]
        """,
        panel,
    )
    return np.asarray(shot.crop((left, top, left + width, top + height))).astype(int)


def colour_at(window, panel, x, y):
    """Whether a point of a panel is blue (1), orange (-1) or neither, within three pixels."""
    px, py = window.pixel(panel, x, y)
    shot = Image.open(io.BytesIO(window.driver.get_screenshot_as_png())).convert("RGB")
    area = np.asarray(shot.crop((px - 3, py - 3, px + 4, py + 4))).astype(int).reshape(-1, 3)
    signs = {1: (0, 0x72, 0xB2), -1: (0xD5, 0x5E, 0)}
    found = {s for s, rgb in signs.items() if (np.abs(area - rgb).sum(axis=1) < 60).any()}
    return found.pop() if len(found) == 1 else 0


def test_the_page_needs_no_network_and_opens_at_the_end(page):
    loaded = page.run("return performance.getEntriesByType('resource').map((e) => e.name)")
    assert [name for name in loaded if not name.startswith(("data:", "blob:"))] == []
    assert page.run("return model('slider').value") == FRAMES - 1
    assert "tau = 200" in page.run("return model('words').text")


@pytest.mark.parametrize("frame", [0, 20, FRAMES - 1])
def test_the_slider_moves_what_is_painted(page, places, frame):
    theta, radius, _ = places
    before = picture(page, "cylinder")
    page.show(frame)
    if frame < FRAMES - 1:
        assert (picture(page, "cylinder") != before).any()
    i = lonely(theta[frame], radius[frame])
    sign = np.sign(radius[frame, i])
    assert colour_at(page, "cylinder", theta[frame, i], radius[frame, i]) == sign
    size = abs(radius[frame, i])
    if size > 0.2 * np.abs(radius).max():
        u, v = size * np.cos(theta[frame, i]), size * np.sin(theta[frame, i])
        assert colour_at(page, "plane", u, v) == sign


def test_neurons_at_the_border_are_painted(page, places):
    """A knot on the sample at x = 0, of neurons that are active to its left: theta is pi."""
    theta, radius, _ = places
    there = np.flatnonzero(np.abs(np.abs(theta[-1]) - np.pi) < 1e-3)
    assert there.size
    assert (radius[-1, there] > 0.0).any()
    column = -1 if theta[-1, there[0]] > 0.0 else 0
    is_blue = np.abs(picture(page, "cylinder")[:, column] - (0, 0x72, 0xB2)).sum(axis=-1) < 60
    assert is_blue.any()


def test_a_click_between_two_frames_finds_the_knot(page, places):
    _, _, knots = places
    inside = np.flatnonzero((np.abs(knots[20]) < 0.9) & np.isfinite(knots[20]))
    gaps = np.array([np.delete(np.abs(knots[20] - knots[20, i]), i).min() for i in inside])
    i = inside[gaps.argmax()]
    page.move_to("knots", 20.4, knots[20, i], click=True)
    assert f"neuron {i}, followed:" in page.run("return model('words').text")


def test_the_function_follows(page, run):
    with pf.open_trajectory(run) as file:
        for frame in (3, 30):
            page.show(frame)
            x, y = page.run(
                "const { data } = model('fit').renderers.at(-2).data_source;"
                "return [Array.from(data.x), Array.from(data.y)]"
            )
            np.testing.assert_allclose(y, file.predict(frame, np.array(x)), atol=1e-5)
            assert len(x) == 400
            at = -1.1  # beside the samples and above the knots
            assert colour_at(page, "fit", at, file.predict(frame, at)) == 1


def test_the_mouse_drags_the_slider(page):
    begin, end = page.run(
        """
        const root = view('slider').shadow_el, handle = root.querySelector('.noUi-handle')
        const base = root.querySelector('.noUi-base')
        const a = handle.getBoundingClientRect(), b = base.getBoundingClientRect()
        const y = Math.round(a.top + a.height / 2)
        return [[Math.round(a.left + a.width / 2), y], [Math.round(b.left + b.width / 4), y]]
        """
    )
    drawn = page.run("return particleflow.drawn")
    page.drag(begin, end)
    page.settle()
    assert abs(page.run("return model('slider').value") - (FRAMES - 1) / 4) <= 2
    assert page.run("return particleflow.drawn") - drawn >= 5  # it followed on the way


def test_play_plays_and_pauses(page):
    page.show(0)
    button = "return view('button').shadow_el.querySelector('button')"
    page.run(button).click()
    page.wait("return Bokeh.documents[0].get_model_by_name('slider').value >= 5")
    assert "pause" in page.run("return model('button').label")
    page.run(button).click()
    page.settle()
    stopped = page.run("return model('slider').value")
    page.settle()
    assert page.run("return model('slider').value") == stopped
    assert "play" in page.run("return model('button').label")


def path_of(page, panel):
    return np.array(
        page.run(
            """
            const shown = model(arguments[0]).renderers.find((r) =>
              r.glyph.type === 'Line' && r.level === 'overlay')
            const { x, y } = shown.data_source.data
            return [Array.from(x, Number), Array.from(y, Number)]
            """,
            panel,
        ),
        float,
    )


def test_pointing_at_a_neuron_shows_its_path(page, places):
    theta, radius, knots = places
    frame = max(range(FRAMES), key=lambda k: abs(knots[k, lonely(theta[k], radius[k])]) < 1.5)
    page.show(frame)
    i = lonely(theta[frame], radius[frame])
    page.move_to("cylinder", theta[frame, i], radius[frame, i])
    assert f"neuron {i}:" in page.run("return model('words').text")
    x, y = path_of(page, "cylinder")
    reach = np.abs(radius).max()
    np.testing.assert_allclose(x, theta[:, i], atol=1e-3)
    near = np.isfinite(y)
    np.testing.assert_allclose(y[near], radius[near, i], atol=1e-3 * reach)
    x, y = path_of(page, "knots")
    np.testing.assert_array_equal(x, np.arange(FRAMES))
    shown = np.abs(knots[:, i]) <= 2.0  # knots far outside have no place
    assert shown.any()
    np.testing.assert_array_equal(np.isfinite(y), shown)
    np.testing.assert_allclose(y[shown], knots[shown, i], atol=1e-4)
    page.move_to("cylinder", 3.0, 0.99 * reach)  # beside all
    assert np.isnan(path_of(page, "cylinder")).all()


def test_a_click_on_a_knot_follows_its_neuron(page, places):
    _, _, knots = places
    page.show(20)
    inside = np.flatnonzero((np.abs(knots[20]) < 0.9) & np.isfinite(knots[20]))
    gaps = np.array([np.delete(np.abs(knots[20] - knots[20, i]), i).min() for i in inside])
    i = inside[gaps.argmax()]
    page.move_to("fit", knots[20, i], 0.0, click=True)  # above the knots: their x decides
    words = page.run("return model('words').text")
    assert f"neuron {i}, followed:" in words
    page.show(30)
    words = page.run("return model('words').text")
    assert f"neuron {i}, followed:" in words
    at = float(words.rpartition("knot at ")[2])
    assert abs(at - knots[30, i]) < 5e-3 * max(1.0, abs(at))
    page.move_to("cylinder", 3.0, 0.99 * np.abs(places[1]).max(), click=True)  # beside all
    assert "Point at a neuron" in page.run("return model('words').text")


def test_a_page_of_one_frame_shows_its_knots(window, run, tmp_path):
    pf.view(run, frames=1).save(tmp_path / "one.html")
    window.open(tmp_path / "one.html")
    window.settle()
    shown = picture(window, "knots")
    is_coloured = np.ptp(shown, axis=-1) > 60
    assert is_coloured[:, 20:-20].any(axis=0).all()  # lines from the left to the right
    assert window.problems() == []


def test_a_zoomed_panel_is_drawn_anew(page, places):
    theta, radius, _ = places
    page.show(20)
    i = lonely(theta[20], radius[20])
    page.run(
        """
        const plot = model('cylinder'), [x, y, wide, high] = arguments
        plot.x_range.setv({ start: x - wide, end: x + wide })
        plot.y_range.setv({ start: y - high, end: y + high })
        view('cylinder').trigger_ranges_update_event()
        """,
        float(theta[20, i]), float(radius[20, i]), 0.2, 0.05 * float(np.abs(radius).max()),
    )  # fmt: skip
    page.settle()
    assert colour_at(page, "cylinder", theta[20, i], radius[20, i]) == np.sign(radius[20, i])
    blue_or_orange = (np.ptp(picture(page, "cylinder"), axis=-1) > 100).sum()
    assert 2 <= blue_or_orange <= 40  # one square of two pixels a side, not a magnified one
