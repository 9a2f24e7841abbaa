"""The bar of a run: it moves, is full at the end of a run, and only there."""

import re

import numpy as np
import pytest

import particleflow as pf


def simulation(kind="sine", count=6, delta=-1.0):
    samples = pf.Samples.generate(kind, count)
    return pf.Simulation(samples, pf.initialise("reduced", 50, delta=delta, seed=0))


def percentages(text):
    return [int(found) for found in re.findall(r"(\d+)%", text)]


def test_a_bar_moves_to_the_end(capsys):
    sim = simulation()
    sim.run(5.0, progress=True)
    out, err = capsys.readouterr()
    assert not out
    assert percentages(err)[0] == 0
    assert percentages(err)[-1] == 100
    last = [line for line in re.split(r"[\r\n]", err) if "%" in line][-1]
    assert "tau = 5 " in last
    assert f"step {sim.step:,}, loss {sim.loss:.3g}" in last


def test_a_run_without_an_end_says_that_it_ended(capsys):
    sim = simulation()
    sim.run(np.inf, progress=True)
    _, err = capsys.readouterr()
    assert not percentages(err)
    assert f"tau = {sim.time:.4g}" in err
    assert "ended by itself" in err


def test_notes_are_told(capsys):
    sim = simulation("square_wave", 10, delta=1000.0)
    sim.run(np.inf, progress=True)
    assert sim.notes
    out, err = capsys.readouterr()
    assert not out
    told = [line for line in re.split(r"[\r\n]", err) if line.startswith("note: ")]
    assert told == [f"note: {note}" for note in sim.notes]


def test_the_bar_of_a_failed_run_is_not_full(capsys):
    class Failing:
        """A writer whose disk is full at tau = 2."""

        def open(self, sim, until):
            return np.array([2.0])

        def record(self, last):
            raise pf.WriteError("the disk is full")

        def pause(self, now=False):
            pass

        def close(self):
            pass

    sim = simulation()
    sim.writers.append(Failing())
    with pytest.raises(pf.WriteError):
        sim.run(5.0, progress=True)
    _, err = capsys.readouterr()
    assert max(percentages(err)) < 100


@pytest.mark.parametrize("progress", [None, False])
def test_no_bar_unless_asked_for(progress, capsys):
    simulation().run(1.0, progress=progress)
    assert capsys.readouterr() == ("", "")


def test_of_many_ranks_the_first_shows_it(capsys, monkeypatch):
    sim = simulation()
    monkeypatch.setattr(type(sim.ranks), "is_first", property(lambda _: False))
    sim.run(1.0, progress=True)
    assert capsys.readouterr() == ("", "")


def test_a_function_is_called_as_before():
    seen = []
    simulation().run(1.0, progress=lambda sim: seen.append(sim.time))
    assert seen[-1] == 1.0


def test_a_bar_says_that_kernels_are_compiled(capsys, monkeypatch):
    told = []

    def compiling(begins, *_):
        told.append(begins)
        if begins is not None:
            begins("a kernel")

    monkeypatch.setattr("particleflow.run.progress.when_compiling", compiling)
    simulation().run(1.0, progress=True)
    assert told[1] is None  # no longer, once the run has ended
    assert "compiling the kernels" in capsys.readouterr().err


def test_a_bar_of_a_notebook_turns_red_where_a_run_fails(here, monkeypatch):
    """Also without an end, where tqdm itself cannot know that it is not full."""
    styles = []

    class Bar:
        n = 0.0

        def __init__(self, **options):
            self.total = options["total"]

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def disp(self, bar_style):
            styles.append(bar_style)

        def __getattr__(self, name):
            return lambda *_, **__: None

    monkeypatch.setattr("tqdm.auto.tqdm", Bar)

    def fail(sim):
        raise RuntimeError("a user's own")

    for until in (5.0, np.inf):
        sim = simulation()
        sim.observables.add("failing", fail)
        sim.writers.append(pf.TrajectoryWriter("never.h5"))
        with pytest.raises(Exception, match="a user's own"):
            sim.run(until, progress=True)
    assert styles == ["danger", "danger"]


def test_a_log_is_not_filled(capsys):
    simulation().run(50.0, progress=True)
    err = capsys.readouterr().err
    assert len(err) < 1000
