"""What notebooks show: well-formed HTML with the facts of an object and a picture of it."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import particleflow as pf
from particleflow.cards import Marks, card, picture

SVG = "svg"


def parsed(text):
    """The element tree; raises where tags do not match or a text is not escaped."""
    return ET.fromstring(text)


def facts(text):
    return {row[0].text: row[1].text for row in parsed(text).iter("tr")}


def pictures(text):
    return list(parsed(text).iter(SVG))


@pytest.fixture
def recorded(here):
    sim = pf.Simulation(
        pf.Samples.generate("sine", 6), pf.initialise("reduced", 50, delta=-1.0, seed=0)
    )
    sim.writers.append(pf.TrajectoryWriter("a <b> & c.h5", frames=5))
    sim.run(2.0)
    return sim, here / "a <b> & c.h5"


def test_samples():
    shown = pf.Samples([1.0, 2.0, 2.0], [5.0, 6.0, 7.0], weights=[1.0, 2.0, 3.0]).normalised()
    text = shown._repr_html_()
    assert facts(text)["samples"] == "2 of 3 rows"
    assert facts(text)["x"] == "1 to 2"
    assert facts(text)["seen by the network"] == "-1 to 1"
    assert len(list(pictures(text)[0].iter("circle"))) == 2


def test_samples_of_a_file_say_how_they_were_read(here):
    (here / "d.csv").write_text("day;level\n2020-01-01;1,5\n2020-02-01;2,5\n2020-03-01;\n")
    shown = facts(pf.Samples.from_file("d.csv", missing="drop")._repr_html_())
    assert shown["y is"] == "level"
    assert "2020-01-01" in shown["x is"]
    assert any("missing" in note for key, note in shown.items() if key.startswith("note"))


def test_neurons_of_any_number_make_a_small_page():
    neurons = pf.initialise("reduced", 100_000, seed=0)
    text = neurons._repr_html_()
    assert facts(text)["neurons"] == "100,000"
    colours = [dot.get("fill") for dot in pictures(text)[0].iter("circle")]
    assert len(set(colours)) == 2
    assert len(text) < 100_000


def test_simulation(recorded):
    sim, _ = recorded
    text = sim._repr_html_()
    assert facts(text)["tau"] == f"2 after {sim.step:,} steps"
    assert facts(text)["loss"] == f"{sim.loss:.6g}"
    line = next(pictures(text)[0].iter("polyline")).get("points").split()
    assert len(line) == 200
    # the line lies over the samples where f does: both share their axes
    heights = [float(point.partition(",")[2]) for point in line]
    assert 0.0 < min(heights) <= max(heights) < 120.0


def test_trajectory(recorded):
    _, path = recorded
    with pf.open_trajectory(path) as run:
        text = run._repr_html_()
        assert len(pictures(text)) == 2
        assert facts(text)["neurons"] == "50"
        assert facts(text)["tau"] == "0 to 2"
    assert path.name in "".join(parsed(text).itertext())
    assert facts(run._repr_html_()) == {"closed": "open it again to read it"}


def test_a_trajectory_of_some_neurons_has_no_function(here):
    sim = pf.Simulation(pf.Samples.generate("sine", 6), pf.initialise("reduced", 50, seed=0))
    sim.writers.append(pf.TrajectoryWriter("some.h5", frames=3, neurons=10))
    sim.run(1.0)
    with pf.open_trajectory("some.h5") as run:
        assert len(pictures(run._repr_html_())) == 1
        assert facts(run._repr_html_())["neurons"] == "50, 10 of them recorded"


def test_sweep(here):
    (here / "c.toml").write_text(
        'samples = { kind = "sine", count = 4 }\nneurons = { count = 8 }\nflow = { t_end = 0.1 }\n'
    )
    table = pf.sweep("c.toml", {"neurons.delta": [-1, 1]}, "s.h5", seeds=2)
    assert repr(table) == "Sweep('s.h5', 2 neurons.delta x 2 seeds, 4 of 4 runs done)"
    text = table._repr_html_()
    assert facts(text)["runs"] == "4, of which 4 are done and 0 failed"
    assert facts(text)["neurons.delta"].startswith("2 values")
    assert len(list(pictures(text)[0].iter("circle"))) == 4


def test_what_is_not_finite_is_left_out():
    text = picture("p", Marks([0.0, np.nan, 1.0, 2.0], [0.0, 1.0, np.inf, 3.0]))
    assert len(list(ET.fromstring(f"<a>{text}</a>").iter("circle"))) == 2
    assert picture("p", Marks([np.nan], [1.0])) == ""


def test_one_point_and_constant_values():
    for x, y in (([1.0], [1.0]), ([0.0, 1.0], [2.0, 2.0])):
        dots = ET.fromstring(f"<a>{picture('p', Marks(x, y))}</a>").iter("circle")
        assert all(0.0 <= float(dot.get("cx")) <= 220.0 for dot in dots)


def test_text_is_escaped():
    assert facts(card("<i>", {"a & b": "1 < 2"}, "")) == {"a & b": "1 < 2"}
