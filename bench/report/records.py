"""The file that ``pytest --benchmark --benchmark-json`` has written, as records by benchmark."""

import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]
"""What a benchmark has put into ``extra_info``, and ``seconds``, the median of its rounds."""


MACHINE = ("processor", "cores", "threads", "memory_GiB", "system", "versions", "quick")


class ReportError(ValueError):
    """A file that is not what the report is made from."""


class Records:
    """Results of runs of the benchmarks on one machine; of two of a benchmark the later counts.

    Raises
    ------
    ReportError
        A file cannot be read, or is not the output of these benchmarks, or they are from several
        machines.
    """

    def __init__(self, *paths: Path) -> None:
        contents = [_content(path) for path in paths]
        self.datetime = str(contents[0].get("datetime", ""))
        self.commit = contents[0].get("commit_info") or {}
        benchmarks = {one["fullname"]: one for content in contents for one in content["benchmarks"]}
        self._by_name: dict[str, list[Record]] = {}
        for fullname, benchmark in benchmarks.items():
            name = fullname.partition("::test_")[2].partition("[")[0]
            record = {**benchmark["extra_info"], "seconds": benchmark["stats"]["median"]}
            self._by_name.setdefault(name, []).append(record)
        machines = [
            {key: content["benchmarks"][-1]["extra_info"].get(key) for key in MACHINE}
            for content in contents
        ]
        self.machine = machines[0]
        for path, machine in zip(paths, machines, strict=True):
            if machine != self.machine:
                raise ReportError(f"{path}: is from another machine or version than {paths[0]}")

    def __call__(self, name: str, **wanted: object) -> list[Record]:
        """Records of a benchmark in the order of the run, those with the wanted values."""
        return [
            record
            for record in self._by_name.get(name, [])
            if all(record.get(key) == value for key, value in wanted.items())
        ]


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReportError(f"{path}: no such file; pytest --benchmark writes it with "
                          f"--benchmark-json={path}") from None  # fmt: skip
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise ReportError(f"{path}: is not JSON") from None
    benchmarks = content.get("benchmarks") if isinstance(content, dict) else None
    if not benchmarks:
        raise ReportError(f"{path}: holds no benchmarks")
    for benchmark in benchmarks:
        if not isinstance(benchmark, dict) or "threads" not in benchmark.get("extra_info", {}):
            raise ReportError(f"{path}: holds a benchmark that is not one of bench/")
    return content
