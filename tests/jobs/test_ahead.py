"""Kernels that are compiled before the first run."""

import json
import subprocess
import sys
from itertools import product

import pytest

import particleflow as pf
from particleflow import backend
from particleflow.errors import ParticleflowError
from particleflow.jobs.ahead import Compiled, compile_ahead

RUN = """
samples = { kind = "square_wave", count = 12 }
neurons = { init = "reduced", count = 500, delta = -1.0 }
flow = { t_end = 0.1, integrator = "gd", step = 1e-2 }
"""


@pytest.mark.slow
def test_a_run_finds_what_was_compiled_ahead(tmp_path):
    told = []
    compile_ahead(["gd"], told.append)
    assert sorted(one[:2] for one in told) == [("gd", "float32"), ("gd", "float64")]
    (tmp_path / "run.toml").write_text(RUN)
    for precision, count in product(backend.PRECISIONS, (500, 50_000)):
        done = subprocess.run(
            [sys.executable, "-m", "particleflow", "run", "run.toml", "--overwrite",
             "--set", f"flow.state_dtype={precision}", "--set", f"neurons.count={count}"],
            cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert "compiling" not in done.stdout + done.stderr


def test_without_a_folder_there_is_nothing_to_do(monkeypatch):
    monkeypatch.setattr(backend, "cache_folder", lambda: "")
    with pytest.raises(ParticleflowError, match="set NUMBA_CACHE_DIR"):
        compile_ahead()


def test_a_run_that_fails_is_told():
    with pytest.raises(pf.ConfigError, match="expected one of"):
        compile_ahead(["none"])


def test_the_command_as_json(call, monkeypatch):
    def tell_two(tell):
        for precision in backend.PRECISIONS:
            tell(Compiled("gd", precision, 1.25))

    monkeypatch.setattr("particleflow.jobs.ahead.compile_ahead", tell_two)
    told = json.loads(call("doctor", "--compile", "--json")[1])
    assert told["cache"] == backend.cache_folder()
    assert told["seconds"] == {"gd, float64": 1.2, "gd, float32": 1.2}


@pytest.mark.slow
def test_the_command(call, monkeypatch):
    monkeypatch.setattr("particleflow.jobs.ahead.registry.names", lambda: ("gd",))
    code, out, err = call("doctor", "--compile")
    assert (code, err) == (0, "")
    first, *lines = out.splitlines()
    assert first == f"compiling into {backend.cache_folder()}"
    assert sorted(line.partition(":")[0] for line in lines) == ["gd, float32", "gd, float64"]
