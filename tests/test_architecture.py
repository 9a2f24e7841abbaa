"""The house: arrows point down, few importers for each heavy package, everything in the wheel."""

import ast
import configparser
import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "particleflow"
KERNELS = ROOT / "kernels"

# each layer may import from those after it
LAYERS = [
    {"__main__"}, {"cli"}, {"gallery"},
    {"inspect", "exports", "figures", "viewer"}, {"limits"}, {"sweeps"}, {"jobs"}, {"config"},
    {"trajectory"}, {"run"}, {"integrators"}, {"theory"}, {"backend"},
    {"model"}, {"files", "ranks"}, {"arguments", "cards", "kernels"}, {"errors", "_version"},
]  # fmt: skip
PACKAGES = {
    "backend", "cli", "config", "exports", "figures", "files", "gallery", "inspect", "integrators",
    "jobs", "limits", "model", "ranks", "run", "sweeps", "theory", "trajectory",
    "viewer",
}  # fmt: skip
ONLY_IMPORTERS = {
    "h5py": {"exports", "files", "inspect", "limits", "sweeps", "trajectory"},
    "h5netcdf": {"exports"},
    "matplotlib": {"figures"},
    "PIL": {"figures"},
    "click": {"cli"},
    "msgspec": {"config"},
    "scipy": {"files", "model", "backend", "theory"},
    "torch": {"model"},
    "bokeh": {"viewer"},
    "threadpoolctl": {"backend"},
    "tqdm": {"run"},
}


def modules():
    return [p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py"]


def name_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@functools.cache
def imports(path, typing_only=False):
    """(level, module, names) of every import that is executed."""
    return list(imports_of(path, typing_only))


def imports_of(path, typing_only):
    tree = ast.parse(path.read_text())
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped and not typing_only:
            continue
        if isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, alias.name, []


def inner_imports(path):
    """Names at the root of this package that a module imports, for its types too."""
    depth = len(path.relative_to(PACKAGE).parts)
    for level, module, names in imports(path, typing_only=True):
        parts = module.split(".")
        if level == 0 and parts[0] == "particleflow":
            yield from parts[1:2] or names
        elif level == depth:
            yield from parts[:1] if module else names


def siblings(path):
    """Modules of its own package that a module imports, for its types too."""
    if path.name == "__init__.py":
        return
    for level, module, names in imports(path, typing_only=True):
        if level == 1 and path.parent != PACKAGE:
            for name in [module.split(".")[0]] if module else names:
                found = path.parent / f"{name}.py"
                if found.exists():
                    yield found


@pytest.mark.parametrize("path", modules(), ids=str)
def test_arrows_point_down(path):
    rank = {name: i for i, layer in enumerate(LAYERS) for name in layer}
    own = name_of(path)
    for name in inner_imports(path):
        if name not in rank:
            continue
        assert own == name or rank[own] < rank[name], f"{own} imports {name}"


def test_every_module_has_its_layer():
    assert {name_of(path) for path in modules()} | {"kernels"} == set().union(*LAYERS)


def test_the_root_stays_small():
    assert {p.parent.name for p in PACKAGE.glob("*/__init__.py")} == PACKAGES
    assert len(list(PACKAGE.glob("*.py"))) <= 8


def test_modules_of_a_package_form_no_circle():
    imported = {path: set(siblings(path)) for path in modules()}
    left = dict(imported)
    while left:
        free = [path for path, needed in left.items() if not needed & left.keys() - {path}]
        assert free, sorted(str(path.relative_to(PACKAGE)) for path in left)
        for path in free:
            del left[path]


@pytest.mark.parametrize(("package", "allowed"), ONLY_IMPORTERS.items())
def test_heavy_packages_have_few_importers(package, allowed):
    users = {
        name_of(path)
        for path in modules()
        for level, module, _ in imports(path)
        if level == 0 and module.split(".")[0] == package
    }
    assert users == allowed


def test_only_the_backend_imports_kernels():
    assert {name_of(p) for p in modules() if "kernels" in inner_imports(p)} == {"backend"}


@pytest.mark.parametrize(("one", "other"), [("cpu", "cuda"), ("cuda", "cpu"), ("host", "cpu"),
                                            ("host", "cuda")])  # fmt: skip
def test_kernels_of_a_device_do_not_import_those_of_another(one, other):
    for path in (KERNELS / one).glob("*.py"):
        for level, module, names in imports(path):
            if level == 2:
                assert other not in (module.split(".")[0], *(names if not module else ())), path


def test_kernels_import_numpy_numba_and_themselves():
    for path in KERNELS.rglob("*.py"):
        for level, module, _ in imports(path):
            if level == 0:
                root = module.split(".")[0]
                plain = {"numpy", "math", "collections", "functools", "contextlib"}
                of_numba = {
                    "_jit.py",
                    "_linking.py",
                    "_turns.py",
                    "prefetch.py",
                    "offline.py",
                    "devices.py",
                }
                assert root in plain or path.name in of_numba


def test_parallel_loops_set_elements_of_their_own_arguments_only():
    """Numba removes writes into arrays out of a tuple: findings/numba_parallel_tuple.sh."""
    seen = 0
    for path in KERNELS.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and any(
                getattr(decorator, "id", "") == "parallel" for decorator in function.decorator_list
            ):
                own = {argument.arg for argument in function.args.args}
                for node in ast.walk(function):
                    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                        seen += 1
                        name = ast.unparse(node.value)
                        assert name in own, f"{path.name}: {function.name} sets {name}[...]"
    assert seen > 5


def test_every_folder_is_in_the_wheel():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    listed = set(setup["options"]["packages"].split())
    found = {
        ".".join(("particleflow", *p.parent.relative_to(PACKAGE).parts))
        for p in PACKAGE.rglob("__init__.py")
    } | {
        ".".join(("particleflow.kernels", *p.parent.relative_to(KERNELS).parts))
        for p in KERNELS.rglob("__init__.py")
    }
    assert listed == found


def test_files_stay_readable():
    files = [*PACKAGE.rglob("*.py"), *KERNELS.rglob("*.py")]
    assert [p.name for p in files if len(p.read_text().splitlines()) > 400] == []


def test_public_objects_have_docstrings():
    import particleflow as pf

    for name in pf.__all__:
        if name != "__version__":
            assert getattr(pf, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'Adam'"):
        _ = pf.Adam


@pytest.mark.slow
def test_kernels_run_without_a_cache_and_from_one(tmp_path):
    """Cached code is found again; where it cannot be written the kernels run all the same."""
    code = (
        "import numpy as np\n"
        "from particleflow.kernels import _jit\n"
        "from particleflow.kernels.host.field import field\n"
        "out = np.empty((4, 2)); field(np.ones(2), np.array([[0.0, 1.0], [1.0, 1.0]]), out)\n"
        "found = sum(field.stats.cache_hits.values()) > 0\n"
        "print(bool(_jit.cache_folder), found, out.tolist())"
    )
    field = "[[-1.0, -2.0], [-1.0, -1.0], [0.0, 0.0], [0.0, -1.0]]"
    readonly = tmp_path / "readonly"
    readonly.write_text("a file where a folder would have to be made")
    for environment, expected in (
        ({"NUMBA_CACHE_DIR": str(tmp_path / "cache")}, f"True False {field}"),
        ({"NUMBA_CACHE_DIR": str(tmp_path / "cache")}, f"True True {field}"),
        ({"PARTICLEFLOW_CACHE": "0"}, f"False False {field}"),
        ({"NUMBA_CACHE_DIR": str(readonly)}, f"False False {field}"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=True,
            env=os.environ | environment,
        )  # fmt: skip
        assert done.stdout.strip() == expected
