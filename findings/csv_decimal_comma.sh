#!/usr/bin/env bash
# pandas 3.1.1, DuckDB 2.0.1, Python's csv.Sniffer: an ordinary table of a country with decimal commas, and
#   they are asked to find out its layout.
# Guess: readers that find out the layout of a CSV file see that semicolons separate and commas are decimal
#   signs, since every row says so, or they refuse the file.
# Seen: DuckDB takes commas and reads the rows as (1, '5;2', 25): two numbers that nobody wrote, and the header
#   is gone. pandas, by default, reads y = 25 and 5. pandas with sep=None finds the semicolons and leaves the
#   numbers as text. Of the same table with blanks csv.Sniffer says that commas separate it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1 duckdb==2.0.1 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import csv
from pathlib import Path

import duckdb
import pandas as pd

Path("table.csv").write_text("x;y\n1,5;2,25\n3,75;4,5\n")
of_duckdb = duckdb.read_csv("table.csv").fetchall()
of_pandas = pd.read_csv("table.csv")
of_python_engine = pd.read_csv("table.csv", sep=None, engine="python")
print("duckdb", duckdb.__version__, of_duckdb)
print("pandas", pd.__version__, of_pandas.to_dict("list"), of_python_engine.to_dict("list"))
blanks = csv.Sniffer().sniff("0,5 1,25\n0,75 1,5\n").delimiter
print("csv.Sniffer, of blanks and decimal commas:", repr(blanks))
assert of_duckdb == [(1, "5;2", 25), (3, "75;4", 5)], "changed"
assert of_pandas.to_dict("list") == {"x;y": [25, 5]}, "changed"
assert of_python_engine.to_dict("list") == {"x": ["1,5", "3,75"], "y": ["2,25", "4,5"]}, "changed"
assert blanks == ",", "changed"
PY
