#!/usr/bin/env bash
# DuckDB 2.0.1: dates as 03/04/2001 in a CSV file, whose day and month cannot be told apart.
# Guess: they stay text, or are read with the month first as one reads dates with slashes in English.
# Seen: they become dates with the day first, 3 April; one row further down with a day above 12 in second place
#   turns all dates of the file round, to 4 March.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1
cd "$folder"
venv/bin/python - <<'PY'
from pathlib import Path

import duckdb

Path("short.csv").write_text("day,value\n03/04/2001,1\n05/06/2001,2\n")
Path("long.csv").write_text("day,value\n03/04/2001,1\n05/06/2001,2\n05/28/2001,3\n")
short, long = (str(duckdb.read_csv(name).fetchall()[0][0]) for name in ("short.csv", "long.csv"))
print("duckdb", duckdb.__version__, "03/04/2001 is", short, "and, with one more row,", long)
assert (short, long) == ("2001-04-03", "2001-03-04"), "changed"
PY
