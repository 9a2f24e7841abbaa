"""Tables as people have them: read rightly, or refused in one line; never other numbers."""

import gzip
import io

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.io import netcdf_file

import particleflow as pf

X, Y = [1.0, 3.0, 4.0], [2.0, -4.5, 0.25]
PLAIN = "x,y\n1,2\n3,-4.5\n4,0.25\n"

READ = {
    "plain": PLAIN,
    "without a header": "1,2\n3,-4.5\n4,0.25\n",
    "semicolons": "x;y\n1;2\n3;-4.5\n4;0.25\n",
    "semicolons and decimal commas": "x;y\n1;2\n3;-4,5\n4;0,25\n",
    "tabs": "x\ty\n1\t2\n3\t-4.5\n4\t0.25\n",
    "tabs and decimal commas": "x\ty\n1,0\t2,0\n3\t-4,5\n4\t0,25\n",
    "blanks": " x     y\n 1   2\n 3  -4.5\n 4   0.25\n",
    "blanks and decimal commas": "1 2\n3 -4,5\n4 0,25\n",
    "bars": "x|y\n1|2\n3|-4.5\n4|0.25\n",
    "np.savetxt": "1.0e+00 2.0e+00\n3.0e+00 -4.5e+00\n4.0e+00 2.5e-01\n",
    "np.savetxt with a header": "# x y\n1.0e+00 2.0e+00\n3.0e+00 -4.5e+00\n4.0e+00 2.5e-01\n",
    "np.savetxt with commas": "# x,y\n1,2\n3,-4.5\n4,0.25\n",
    "R's write.csv": '"","x","y"\n"1",1,2\n"2",3,-4.5\n"3",4,0.25\n',
    "R's write.table": '"x" "y"\n"1" 1 2\n"2" 3 -4.5\n"3" 4 0.25\n',
    "R's write.csv2": '"";"x";"y"\n"1";1;2\n"2";3;-4,5\n"3";4;0,25\n',
    "Rdatasets": '"rownames","times","accel"\n1,1,2\n2,3,-4.5\n3,4,0.25\n',
    "a pandas frame": ",x,y\n0,1,2\n1,3,-4.5\n2,4,0.25\n",
    "a pandas series": "t,y\n1,2\n3,-4.5\n4,0.25\n",
    "a pandas series without names": ",0\n1,2\n3,-4.5\n4,0.25\n",
    "an index written twice": "Unnamed: 0,t,v\n0,1,2\n1,3,-4.5\n2,4,0.25\n",
    "upper case": "X,Y\n1,2\n3,-4.5\n4,0.25\n",
    "y before x": "y,x\n2,1\n-4.5,3\n0.25,4\n",
    "a third column": "x,y,sigma\n1,2,9\n3,-4.5,9\n4,0.25,9\n",
    "a column of words": "who,x,y\nA,1,2\nB,3,-4.5\nC,4,0.25\n",
    "sep=": "sep=;\nx;y\n1;2\n3;-4.5\n4;0.25\n",
    "a byte order mark": "\ufeff" + PLAIN,
    "Windows": PLAIN.replace("\n", "\r\n"),
    "an old Mac": PLAIN.replace("\n", "\r"),
    "no last line end": PLAIN.rstrip("\n"),
    "trailing commas": "x,y,\n1,2,\n3,-4.5,\n4,0.25,\n",
    "trailing commas below the header": "x,y\n1,2,\n3,-4.5,\n4,0.25,\n",
    "units in brackets": "t,a\n(ms),(g)\n1,2\n3,-4.5\n4,0.25\n",
    "units": "t,a\nms,m/s^2\n1,2\n3,-4.5\n4,0.25\n",
    "a title": "My data, by hand\nMeasured in 1990\n\nx,y\n1,2\n3,-4.5\n4,0.25\n",
    "comments before": "# by hand\n# in 1990\nx,y\n1,2\n3,-4.5\n4,0.25\n",
    "comments between": "x,y\n1,2\n# moved\n3,-4.5\n#5,6\n4,0.25\n",
    "percent signs": "% x y\n1 2\n3 -4.5\n4 0.25\n",
    "blank lines": "\n\nx,y\n\n1,2\n\n3,-4.5\n4,0.25\n\n",
    "lines of commas": "x,y\n1,2\n,\n3,-4.5\n4,0.25\n,\n",
    "Fortran": " x y\n 0.1D+01 0.2D+01\n 0.3d1 -0.45D+01\n 4 2.5d-1\n",
    "quoted numbers": '"x","y"\n"1","2"\n"3","-4.5"\n"4","0.25"\n',
    "quoted decimal commas": 'x,y\n"1,0","2,0"\n"3,0","-4,5"\n"4,0","0,25"\n',
    "blanks behind commas": "x, y\n1, 2\n3, -4.5\n4, 0.25\n",
    "a typographical minus": "x,y\n1,2\n3,−4.5\n4,0.25\n",
    "plus signs": "x,y\n+1,+2\n+3,-4.5\n+4,+.25\n",
    "NIST": "NIST/ITL\nFile: made up\nData:   y               x\n 2  1\n -4.5 3\n 0.25 4\n",
    "Latin-1": "Zeit,Größe\n1,2\n3,-4.5\n4,0.25\n".encode("latin-1"),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-le"),
    "UTF-16, the other way round": PLAIN.encode("utf-16-be"),
    "gzip": gzip.compress(PLAIN.encode()),
    "a name of several words": '"the time, s","the place, m"\n1,2\n3,-4.5\n4,0.25\n',
    "units of words": "y,x\nvolts,furlongs\n2,1\n-4.5,3\n0.25,4\n",
    "Markdown": "| y | x |\n|---|---|\n| 2 | 1 |\n| -4.5 | 3 |\n| 0.25 | 4 |\n",
    "psql": " y    | x\n------+---\n 2    | 1\n -4.5 | 3\n 0.25 | 4\n",
    "a ruler": "y,x\n=====\n2,1\n-4.5,3\n0.25,4\n",
    "words below the header": "y,x\n\nMeasured by me\n2,1\n-4.5,3\n0.25,4\n",
    "one name known": "y,time\n2,1\n-4.5,3\n0.25,4\n",
    "words with numbers": "x,y,site,note\n1,2,A,at 10 20\n3,-4.5,B,at 30 40\n4,0.25,A,at 50 6\n",
    "words with commas": "x;y;a;b\n1;2;q;r,10,20\n3;-4.5;q;s,30,40\n4;0.25;q;t,5,6\n",
    "a title with years": "Data from 2001 to 2010\nx y\n1 2\n3 -4.5\n4 0.25\n",
    "a title with a comma": "Mauna Loa, weekly\nx,y\n1,2\n3,-4.5\n4,0.25\n",
    "numbered rows": '"" x y\n1 1 2\n2 3 -4.5\n3 4 0.25\n',
    "a comment with a number": "# block 1\n# by hand\n1 2\n3 -4.5\n4 0.25\n",
    "comments at the end of rows": "x y # all\n1 2 # first\n3 -4.5\n4 0.25 # last\n",
    "numbers in a title block": "Model: y = b1 + b2 x\n b1 = 500 250 2.389e+02 2.7070e+00 3.6e+00\n"
    " b2 = 0.0001 0.0005 5.5e-04 7.2e-06 1.2e-07\nData:  y  x\n 2 1\n -4.5 3\n 0.25 4\n",
    "a line break in a name": '"the\ntime","the\nplace"\n1,2\n3,-4.5\n4,0.25\n',
}
"""Texts in which x is `X` and y is `Y`."""


def damaged_gzip():
    data = bytearray(gzip.compress("".join(f"{n},{n * n % 97}\n" for n in range(9999)).encode()))
    data[3000] ^= 255
    return bytes(data)


REFUSED = {
    "nothing": ("", "is empty, expected columns of numbers"),
    "blank lines only": ("\n\n \n", "is empty"),
    "a header only": ("x,y\n", "line 1: expected two or more numbers, found 'x,y'"),
    "one column": ("1\n2\n3\n", "line 1: expected two columns of numbers, found one"),
    "three columns": ("a,b,c\n1,2,3\n4,5,6\n", "expected x = and y = to name columns; columns with "
                      "numbers: 1 'a', 2 'b', 3 'c'"),
    "three columns without names": ("1 2 3\n4 5 6\n", "columns with numbers: 1, 2, 3"),
    "names that occur twice": ("x,x,y\n1,2,3\n4,5,6\n", "1 'x', 2 'x', 3 'y'"),
    "a word": ("x,y\n1,2\n3,four\n5,6\n", "line 3, column y: expected a number, found 'four'"),
    "a word in the first row": ("x,y\none,2\n3,4\n5,6\n",
                                "line 2: expected names or numbers for each column"),
    "three columns that count": ("1 0.5 0.1\n2 0.7 0.1\n", "columns with numbers: 1, 2, 3"),
    "years, flows and errors": ("1871,1120,15\n1872,1160,15\n", "columns with numbers: 1, 2, 3"),
    "thousands behind blanks": ("pop\ty\n1 234\t5\n2 345\t6\n", "line 2: expected two or more"),
    "thousands behind blanks, once": ("1 500;2 500\n900;800\n950;700\n", "line 1: expected names"),
    "thousands behind apostrophes": ("x,y\n1'000,2'000\n900,800\n", "line 2: expected names"),
    "limits of detection": ("y,x\n<0.1,>5\n1,10\n", "line 2: expected names or numbers"),
    "ditto marks": ('x,y,who\n1,2,Ann\n3,4,"\n5,6,"\n7,8,Bob\n', "line 4: expected a row on"),
    "a quote that stays open": ('x,y,note\n1,2,ok\n3,4,"open\n5,6,ok\n', "expected quotes"),
    "a quote in the wrong place": ('x,y,n\n1,2,"bad\n3,4,ok\n5,6,"fine\n', "expected quotes"),
    "y without numbers": ("x,y,err\n1,20%,1\n2,30%,2\n", "y is column 2 'y', which has other"),
    "an empty y": ("x,y,z\n1,,7\n2,,8\n", "2 of 2 rows have no value in x or y"),
    "no value in the first row": ("y,x\nNA,NA\n1,10\n2,20\n", "1 of 3 rows have no value"),
    "no value in a spreadsheet": ("x,y\n1,2\n#N/A,3\n4,5\n", "1 of 3 rows have no value"),
    "a name too few": ("x,y\n0.5,2,9\n0.7,3,8\n", "line 1: expected names or numbers for"),
    "times of day": ("date,time,value\n2001-01-01,06:00,5\n2001-01-01,12:00,6\n",
                     "column 1 'date' has dates and the one beside it times of day"),
    "times of day, with blanks": ("2001-01-01 06:00 5.1\n2001-01-01 12:00 5.2\n", "times of day"),
    "one column of decimal commas": ("value\n1,5\n2,25\n3,75\n", "line 2: '1,5' below one name"),
    "two tables": ("0 1\n1 2\n\n\n0 5\n1 6\n", "line 5: expected one table, found another one"),
    "a zone that is none": ("t,v\n2001-01-01T00:00Z,1\n2001-01-02T00:00+99:00,1\n",
                            "line 3, column t: expected a date as 2001-12-31"),
    "a short row": ("x,y\n1,2\n3\n", "line 3: expected 2 fields, found 1: '3'"),
    "a long row": ("x,y\n1,2\n3,4,5\n", "line 3: expected 2 fields, found 3: '3,4,5'"),
    "a footer": ("x,y\n1,2\n3,4\nSource: me\n", "line 4: expected 2 fields, found 1: 'Source: me'"),
    "a second header": ("x,y\n1,2\nx,y\n3,4\n", "line 3, column x: expected a number, found 'x'"),
    "infinity": ("x,y\n1,inf\n2,3\n", "line 2, column y: expected a finite number, found 'inf'"),
    "beyond all numbers": ("x,y\n1,1e999\n2,3\n", "line 2, column y: expected a finite number"),
    "an underscore": ("x,y\n1,2\n1_0,2\n", "line 3, column x: expected a number, found '1_0'"),
    "other digits": ("x,y\n1,2\n٣,4\n", "line 3, column x: expected a number"),
    "no value": ("x,y\n1,2\n3,NA\n4,\n", "2 of 3 rows have no value in x or y, the first in line 3"
                 '; missing = "drop" leaves them out'),
    "decimals or thousands": ("x;y\n1,234;2,345\n3,456;4,567\n",
                              "'1,234' may be 1.234 or 1234; decimal = \",\" or \".\" says which"),
    "decimals or thousands, with blanks": ("1,234 2,345\n3,456 4,567\n", "'1,234' may be 1.234"),
    "quoted thousands": ('x,y\n1,"1,234"\n2,"2,345"\n', "'1,234' may be 1.234 or 1234"),
    "thousands and decimals": ('x,y\n1,"1,234.5"\n2,"2,345.5"\n', "decimal = says which"),
    "two decimal signs": ("x;y\n1,5;1.5\n2,5;2.5\n", "a decimal point and with a decimal comma"),
    "days of two countries": ("date,value\n3/4/2001,1\n4/4/2001,2\n",
                              "line 2: expected dates as 2001-12-31, found '3/4/2001,1'"),
    "a date that is none": ("date,value\n2001-01-31,1\n2001-02-30,2\n2001-03-01,3\n",
                            "line 3, column date: expected a date as 2001-12-31"),
    "zones and none": ("t,v\n2001-01-01T00:00Z,1\n2001-01-02T00:00,2\n",
                       "line 3, column t: expected a time zone as before"),
    "percents": ("x,y\n1,20%\n2,30%\n", "line 2: expected two or more numbers, found '1,20%'"),
    "hexadecimals": ("x,y\n0x10,1\n0x11,2\n", "line 2: expected two or more numbers"),
    "a page of the web": ("<html><body>Error 404</body></html>\n", "line 1: expected two or more"),
    "JSON": ('{"x": [1, 2], "y": [3, 4]}\n', "line 1: expected two or more numbers"),
    "a spreadsheet": (b"PK\x03\x04" + bytes(20), "found a zip archive; a spreadsheet saves"),
    "bytes": (bytes(range(256)), "expected a text file"),
    "half a gzip": (gzip.compress(PLAIN.encode() * 99)[:40], "expected a text file"),
    "a damaged gzip": (damaged_gzip(), "expected a text file"),
    "half a character": (b"\xff\xfe\x00", "expected a text file"),
    "an endless quote": (b'x,y\n1,"' + b"\n" * 200_000, "expected quotes that are closed"),
}  # fmt: skip
"""Texts that are refused, and what is said."""


def written(folder, text, name="a table.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("name", READ)
def test_what_people_have_is_read(tmp_path, name):
    samples = pf.Samples.from_file(written(tmp_path, READ[name]))
    assert_array_equal(samples.x, X)
    assert_array_equal(samples.y, Y)
    assert any(note.startswith("3 rows") for note in samples.source.notes)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_is_refused_in_one_line(tmp_path, name):
    text, message = REFUSED[name]
    path = written(tmp_path, text)
    with pytest.raises(pf.SamplesError) as caught:
        pf.Samples.from_csv(path)
    told = str(caught.value)
    assert message in told
    assert told.startswith(str(path))
    assert "\n" not in told


def test_there_are_enough_of_them():
    assert len(READ) + len(REFUSED) >= 60


@pytest.mark.parametrize(("options", "x", "y"), [
    ({"x": "time", "y": "a"}, [1, 4], [2, 5]),
    ({"x": "TIME", "y": "A"}, [1, 4], [2, 5]),
    ({"x": 1, "y": 3}, [1, 4], [3, 6]),
    ({"x": "b", "y": 1}, [3, 6], [1, 4]),
    ({"y": "b", "x": "a"}, [2, 5], [3, 6]),
])  # fmt: skip
def test_columns_by_name_and_number(tmp_path, options, x, y):
    samples = pf.Samples.from_file(written(tmp_path, "time,a,b\n1,2,3\n4,5,6\n"), **options)
    assert_array_equal(samples.x, x)
    assert_array_equal(samples.y, y)


@pytest.mark.parametrize(("options", "message"), [
    ({"x": "t"}, "x = 't': no such column; columns with numbers: 1 'time', 2 'a', 3 'b'"),
    ({"x": 5}, "x = 5: expected a column from 1 to 4"),
    ({"x": 0}, "x = 0: expected a column from 1 to 4"),
    ({"x": "who", "y": "a"}, "x is column 4 'who', which has other words than numbers"),
    ({"x": "a", "y": 2}, "x and y are the same column"),
    ({"x": "time"}, "expected y = to name a column"),
    ({"x": True}, "x: expected the name or the number of a column, found True"),
    ({"missing": "skip"}, "missing: expected \"error\" or \"drop\", found 'skip'"),
    ({"missing_values": ["NA"]}, "missing_values: expected numbers"),
    ({"decimal": ";", "x": 1, "y": 2}, "decimal: expected \".\" or \",\", found ';'"),
    ({"delimiter": "--"}, "delimiter: expected one character"),
    ({"delimiter": 7}, "delimiter: expected a text, found 7"),
])  # fmt: skip
def test_options_that_do_not_fit(tmp_path, options, message):
    path = written(tmp_path, "time,a,b,who\n1,2,3,A\n4,5,6,B\n")
    with pytest.raises(pf.SamplesError) as caught:
        pf.Samples.from_file(path, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(("text", "options", "y"), [
    ("x;y\n1;1,234\n2;2,345\n", {"decimal": ","}, [1.234, 2.345]),
    ("x;y\n1;1,234\n2;2,345\n", {"decimal": "."}, [1234.0, 2345.0]),
    ('x,y\n1,"1,234.5"\n2,"2,345.5"\n', {"decimal": "."}, [1234.5, 2345.5]),
    ("x;y\n1;1.234,5\n2;2.345,5\n", {"decimal": ","}, [1234.5, 2345.5]),
    ("1;2;3\n4;5;6\n", {"delimiter": ";", "x": 1, "y": 3}, [3.0, 6.0]),
    ("x y\n1 2\n3 4\n", {"delimiter": "blanks"}, [2.0, 4.0]),
    ("x\ty\n1\t2\n3\t4\n", {"delimiter": "tab"}, [2.0, 4.0]),
    ("1:2\n3:4\n", {"delimiter": ":"}, [2.0, 4.0]),
])  # fmt: skip
def test_keys_settle_doubts(tmp_path, text, options, y):
    assert_array_equal(pf.Samples.from_file(written(tmp_path, text), **options).y, y)


def test_rows_without_a_value_are_left_out_and_counted(tmp_path):
    path = written(tmp_path, "x,y\n1,2\n3,NA\n4,\n5,-99.99\n****,7\n8,9\n")
    samples = pf.Samples.from_file(path, missing="drop", missing_values=[-99.99])
    assert_array_equal(samples.x, [1, 8])
    note = "4 of 6 rows left out for a missing value, the first in line 3"
    assert note in samples.source.notes
    with pytest.raises(pf.SamplesError, match="3 of 6 rows have no value"):
        pf.Samples.from_file(path)
    none = written(tmp_path, "x,y\n1,NA\nNA,2\n")
    with pytest.raises(pf.SamplesError, match="none of the 2 rows has a value"):
        pf.Samples.from_file(none, missing="drop")


def test_comments_are_counted_without_the_one_that_names_columns(tmp_path):
    notes = pf.Samples.from_file(written(tmp_path, "# x y\n1 2\n3 4\n")).source.notes
    assert notes == ("2 rows, separated by blanks, names in line 1",)
    notes = pf.Samples.from_file(written(tmp_path, "# by hand\nx,y\n1,2\n#3,4\n5,6\n")).source.notes
    assert notes[1:] == ("2 lines passed over as comments",)


def test_a_number_that_may_stand_for_no_value_is_noted(tmp_path):
    path = written(tmp_path, "x,y\n" + "".join(f"{n},{n % 7}\n" for n in range(20)) + "20,-999.9\n")
    (note,) = [n for n in pf.Samples.from_file(path).source.notes if "missing_values" in n]
    assert note.startswith("y = -999.9 in 1 rows, far from all others")
    dates = "".join(f"{np.datetime64('2001-01-01') + n},{n % 7}\n" for n in range(1200))
    days = pf.Samples.from_file(written(tmp_path, "d,v\n" + dates), missing_values=[999.0, 0.5])
    assert days.size == 1200  # days have no number that stands for no value
    near = written(tmp_path, "x,y\n1,-999.9\n2,-998\n3,-1001\n")
    assert not [n for n in pf.Samples.from_file(near).source.notes if "missing_values" in n]


def test_weights_and_sigma_are_columns(tmp_path):
    path = written(tmp_path, "x,y,w\n1,2,4\n3,4,0.25\n1,3,2\n")
    assert_array_equal(pf.Samples.from_file(path, weights="w").weights, [6.0, 0.25])
    assert_allclose(pf.Samples.from_file(path, sigma="w").weights, [1 / 16 + 1 / 4, 16.0])
    path = written(tmp_path, "x,y,w\n1,2,4\n3,4,0\n")
    with pytest.raises(
        pf.SamplesError, match="line 3: weights: expected a number above 0, found 0"
    ):
        pf.Samples.from_file(path, weights="w")


@pytest.mark.parametrize(("words", "days", "unit"), [
    (["2001-01-01", "2001-01-02", "2001-03-01"], [0, 1, 59], "days since 2001-01-01"),
    (["2001/03/01", "2001/01/01"], [59, 0], "days since 2001-01-01"),
    (["2001-01-01 06", "2001-01-02 12"], [0.25, 1.5], "days since 2001-01-01"),
    (["2000-01", "2000-02", "2000-03"], [0, 31, 60], "days since 2000-01-01"),
    (["1958M03", "1958M04"], [0, 31], "days since 1958-03-01"),
    (["2001-01-01 06:00", "2001-01-01T18:00:00"], [0.25, 0.75], "days since 2001-01-01"),
    (["2001-01-01T00:00:00.5Z", "2001-01-01T03:00+02:00"], [0.5 / 86400, 1 / 24],
     "days since 2001-01-01"),
])  # fmt: skip
def test_dates_are_days_since_the_first(tmp_path, words, days, unit):
    rows = "".join(f"{word},{n}\n" for n, word in enumerate(words))
    samples = pf.Samples.from_file(written(tmp_path, "when,y\n" + rows))
    assert_allclose(samples.rows.x, days, rtol=1e-14)
    assert samples.source.x_name == unit
    assert samples.source.y_name == "y"


def test_large_files_are_read_alike_in_bulk_and_in_pieces(tmp_path):
    """What numpy reads at once, and what a comment at the end makes us read in pieces."""
    random = np.random.default_rng(0)
    table = random.standard_normal((5000, 2)) * 10.0 ** random.integers(-300, 100, (5000, 2))
    stream = io.StringIO()
    np.savetxt(stream, table, delimiter=",", fmt="%.17g", header="x,y", comments="")
    bulk = pf.Samples.from_file(written(tmp_path, stream.getvalue()))
    pieces = pf.Samples.from_file(written(tmp_path, stream.getvalue() + "# the end\n"))
    for samples in (bulk, pieces):
        assert_array_equal(samples.rows.x, table[:, 0])
        assert_array_equal(samples.rows.y, table[:, 1])
    late = stream.getvalue() + "1,2,3\n"
    with pytest.raises(pf.SamplesError, match="line 5002: expected 2 fields, found 3"):
        pf.Samples.from_file(written(tmp_path, late))
    with pytest.raises(pf.SamplesError, match="line 5002, column y: expected a finite number"):
        pf.Samples.from_file(written(tmp_path, stream.getvalue() + "1,inf\n"))
    with pytest.raises(pf.SamplesError, match=r"1 of 5001 rows have no value .* line 5002"):
        pf.Samples.from_file(written(tmp_path, stream.getvalue() + "1,nan\n"))
    late = stream.getvalue().replace(",", ";") + "1;2,5\n"
    with pytest.raises(pf.SamplesError, match="line 5002, column y: expected a number with a dec"):
        pf.Samples.from_file(written(tmp_path, late))


NUMBERS = st.one_of(
    st.integers(-(10**6), 10**6).map(float),
    st.floats(-1e6, 1e6).map(lambda v: round(v, 3)),
    st.floats(allow_nan=False, allow_infinity=False, width=64),
)


@st.composite
def tables(draw):
    """A table as text, and its numbers (x, y), NaN where one is missing."""
    delimiter = draw(st.sampled_from([",", ";", "\t", "|", " "]))
    quoted = draw(st.booleans())
    # nobody can tell decimal commas from commas between numbers unless they are quoted
    decimal = draw(st.sampled_from([".", ","] if quoted or delimiter != "," else ["."]))
    # between blanks nothing is no value
    words = ["NA", "nan", "-", "***"] + ([""] if delimiter != " " or quoted else [])
    missing = draw(st.sampled_from(words))
    rows = draw(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=12))
    gone = draw(st.sets(st.tuples(st.integers(0, len(rows) - 1), st.integers(0, 1)), max_size=3))
    if missing == "":  # a row without any word is a blank line, which nobody counts
        gone = {(i, j) for i, j in gone if j == 0 or (i, 0) not in gone}
    header = draw(st.sampled_from(["none", "names", "quoted", "comment"]))
    swapped = header != "none" and draw(st.booleans())
    numbered = header in ("names", "quoted") and draw(st.booleans())
    noted = header != "none" and draw(st.booleans())
    ends = draw(st.sampled_from(["\n", "\r\n"]))
    values = np.array(rows)
    table = []
    for i, row in enumerate(rows):
        texts = []
        for j, number in enumerate(row):
            text = repr(number).replace(".", decimal)
            if (i, j) in gone:
                text, values[i, j] = missing, np.nan
            texts.append(f'"{text}"' if quoted else text)
        texts = texts[::-1] if swapped else texts
        first = [f'"{i + 1}"' if quoted else str(i + 1)] if numbered else []
        last = [f'"site {i} of 7, {2 * i}"' if quoted else f"site{i}"] if noted else []
        table.append([*first, *texts, *last])
    names = [*([""] if numbered else []), *(["y", "x"] if swapped else ["x", "y"]),
             *(["note"] if noted else [])]  # fmt: skip
    if header == "quoted" or (numbered and delimiter == " "):
        names = [f'"{name}"' for name in names]
    head = {"none": [], "comment": ["# " + delimiter.join(names)]}.get(
        header, [delimiter.join(names)]
    )
    title = draw(st.sampled_from([[], ["A title"], ["A title of 2001, in words", ""]]))
    title = title if header in ("names", "quoted") else []
    text = ends.join([*title, *head, *(delimiter.join(row) for row in table)]) + ends
    return text, values


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(tables())
def test_never_other_numbers(tmp_path, table):
    """What is read is what was written, or it is refused."""
    text, values = table
    path = written(tmp_path, text)
    try:
        samples = pf.Samples.from_file(path, missing="drop")
    except pf.SamplesError:
        return
    there = values[~np.isnan(values).any(axis=1)]
    assert_array_equal(samples.rows.x, there[:, 0])
    assert_array_equal(samples.rows.y, there[:, 1])
    left_out = [note for note in samples.source.notes if "left out" in note]
    n = len(values) - len(there)
    assert [note.partition(" rows")[0] for note in left_out] == [f"{n} of {len(values)}"] * (n > 0)


def test_most_of_such_tables_are_read(tmp_path):
    """So that the test above cannot pass by refusing all."""
    for delimiter in (",", ";", "\t", "|", " "):
        for decimal in (".", ",") if delimiter != "," else (".",):
            rows = [f"{v}".replace(".", decimal) + delimiter + f"{-v}".replace(".", decimal)
                    for v in (0.5, 1.25, 17.0)]  # fmt: skip
            for head in ([], [f"x{delimiter}y"]):
                samples = pf.Samples.from_file(written(tmp_path, "\n".join([*head, *rows])))
                assert_array_equal(samples.rows.x, [0.5, 1.25, 17.0])
                assert_array_equal(samples.rows.y, [-0.5, -1.25, -17.0])


def save_arrays(folder, ending):
    path = folder / f"my data{ending}"
    x, y = np.array([1.0, 3.0, 4.0]), np.array([2, -5, 7], np.int32)
    if ending == ".npz":
        np.savez(path, x=x, y=y, table=np.ones((2, 2)))
    elif ending == ".npy":
        np.save(path, np.stack([x, y], axis=1))
    elif ending == ".h5":
        with h5py.File(path, "w") as file:
            file["run/x"], file["run/y"], file["run/z"] = x, y, np.ones((2, 2))
    elif ending == ".nc":
        xr.Dataset({"y": ("x", y)}, {"x": x}).to_netcdf(path, engine="h5netcdf")
    else:
        with netcdf_file(path, "w") as file:
            file.createDimension("x", 3)
            for name, values, kind in (("x", x, "d"), ("y", y, "i")):
                file.createVariable(name, kind, ("x",))[:] = values
    return path


@pytest.mark.parametrize("ending", [".npy", ".npz", ".h5", ".nc", ".cdf"])
def test_arrays(tmp_path, ending):
    path = save_arrays(tmp_path, ending)
    names = {"x": "run/x", "y": "run/y"} if ending == ".h5" else {}
    samples = pf.Samples.from_file(path, **names)
    assert_array_equal(samples.x, [1.0, 3.0, 4.0])
    assert_array_equal(samples.y, [2.0, -5.0, 7.0])
    with pytest.raises(pf.SamplesError, match="x = 'none': no such column"):
        pf.Samples.from_file(path, x="none")
    with pytest.raises(pf.SamplesError, match="delimiter: goes with a file of text"):
        pf.Samples.from_file(path, delimiter=";")
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(pf.SamplesError, match="cannot be read"):
        pf.Samples.from_file(path)


@pytest.mark.parametrize("ending", [".h5", ".nc", ".cdf"])
def test_arrays_without_an_order_are_not_guessed(tmp_path, ending):
    """Their names are sorted: of "sst" and "time" the first would be x."""
    path, time, sst = tmp_path / f"sea{ending}", np.arange(3.0), np.array([2.0, -4.0, 7.0])
    if ending == ".nc":
        xr.Dataset({"sst": ("time", sst)}, {"time": time}).to_netcdf(path, engine="h5netcdf")
    elif ending == ".cdf":
        with netcdf_file(path, "w") as file:
            file.createDimension("time", 3)
            for name, values in (("sst", sst), ("time", time)):
                file.createVariable(name, "d", ("time",))[:] = values
    else:
        with h5py.File(path, "w") as file:
            file["sst"], file["time"] = sst, time
        with pytest.raises(pf.SamplesError, match="expected x = and y = to name columns"):
            pf.Samples.from_file(path)
    samples = pf.Samples.from_file(path, **({"x": "time", "y": "sst"} if ending == ".h5" else {}))
    assert_array_equal(samples.x, time)
    assert_array_equal(samples.y, sst)


def test_a_column_that_may_weigh_rows_is_noted(tmp_path):
    path = written(tmp_path, "x,y,err\n1,2,3\n4,5,6\n")
    note = "column 3 'err' may be sigma: samples.sigma = 'err' uses it"
    assert note in pf.Samples.from_file(path).source.notes
    assert note not in pf.Samples.from_file(path, sigma="err").source.notes


def test_packed_variables_of_netcdf_are_what_they_stand_for(tmp_path):
    path = tmp_path / "packed.nc"
    table = xr.Dataset({"y": ("t", [10.0, np.nan, 12.5])}, {"t": [0.0, 1.0, 2.0]})
    table.t.attrs["units"] = "s"
    packing = {"y": {"dtype": "int16", "scale_factor": 0.5, "add_offset": 10.0, "_FillValue": -1}}
    table.to_netcdf(path, engine="h5netcdf", encoding=packing)
    samples = pf.Samples.from_file(path, x="t", y="y", missing="drop")
    assert_array_equal(samples.x, [0.0, 2.0])
    assert_array_equal(samples.y, [10.0, 12.5])
    assert samples.source.x_name == "t (s)"


@pytest.mark.parametrize("table", [
    pd.DataFrame({"x": X, "y": Y}),
    pd.DataFrame({"t": X, "v": Y}),
    pd.DataFrame({"y": Y, "x": X, "z": X}),
    pd.DataFrame({"v": Y}, index=X),
    pd.DataFrame({"who": ["a", "b", "c"], "x": X, "y": Y}),
    pd.DataFrame({"x": X, "y": pd.array([2.0, -4.5, 0.25], dtype="Float64")}),
    pd.Series(Y, index=X),
    pd.Series(Y, index=pd.Index(X, name="t"), name="v"),
    xr.DataArray(Y, coords={"t": X}, dims="t"),
    xr.Dataset({"y": ("x", Y)}, {"x": X}),
    xr.Dataset({"sst": ("time", Y)}, {"time": X}),
    {"x": X, "y": Y},
], ids=lambda table: type(table).__name__)  # fmt: skip
def test_objects_in_memory(table):
    for samples in (pf.Samples(table), pf.Samples.from_table(table)):
        assert_array_equal(samples.x, X)
        assert_array_equal(samples.y, Y)


def test_dates_and_missing_values_in_memory():
    frame = pd.DataFrame({
        "date": pd.to_datetime(["2001-01-01", "2001-01-03", "2001-01-04"]), "v": [1.0, np.nan, 2.0]
    })  # fmt: skip
    with pytest.raises(pf.SamplesError, match="DataFrame: 1 of 3 rows have no value in x or y"):
        pf.Samples(frame)
    samples = pf.Samples.from_table(frame, missing="drop")
    assert_array_equal(samples.x, [0.0, 3.0])
    assert samples.source.x_name == "days since 2001-01-01"
    three = pd.DataFrame({"a": X, "b": Y, "c": Y})
    with pytest.raises(pf.SamplesError, match="columns with numbers: 1 'a', 2 'b', 3 'c'"):
        pf.Samples(three)
    assert_array_equal(pf.Samples.from_table(three, x="a", y="c").y, Y)
    words = ["2001-01-01", "2001-01-03"]
    for dates in (words, pd.to_datetime(words).tz_localize("UTC")):
        samples = pf.Samples(pd.DataFrame({"d": dates, "v": [1.0, 2.0]}))
        assert_array_equal(samples.x, [0.0, 2.0])
        assert samples.source.x_name == "days since 2001-01-01"
    with pytest.raises(pf.SamplesError, match="expected x = and y = to name columns"):
        pf.Samples(pd.DataFrame({"who": ["1,5", "2_0"], "v": [1.0, 2.0]}))
    with pytest.raises(pf.SamplesError, match="expected y beside it, or a table with columns"):
        pf.Samples([1.0, 2.0])
    with pytest.raises(pf.SamplesError, match=r"y\[1\] is masked"):
        pf.Samples({"x": X, "y": np.ma.array(Y, mask=[0, 1, 0])})


def test_what_was_read_is_kept(tmp_path):
    """In copies, in the trajectory, and through a map."""
    path = written(tmp_path, "t,v\n10,2\n30,4\n50,1\n")
    samples = pf.Samples.from_file(path).normalised()
    assert samples.source.x_name == "t"
    sim = pf.Simulation(samples, pf.initialise("reduced", 20, seed=0))
    sim.writers.append(pf.TrajectoryWriter(tmp_path / "run.h5", frames=2))
    sim.run(0.1)
    with pf.open_trajectory(tmp_path / "run.h5") as traj:
        assert traj.samples.source == samples.source
        (ax,) = pf.figures.plot(traj, "function").axes
        assert ax.get_xlabel() == "t"
        assert ax.get_ylabel() == "$f(x)$, v"


def test_dates_with_dots_have_the_day_first(here):
    (here / "dots.csv").write_text(
        "Datum;Pegel\n28.02.2019;1,5\n1.3.2019 06:30;2,5\n03.04.2019;3\n"
    )
    (here / "iso.csv").write_text(
        "Datum,Pegel\n2019-02-28,1.5\n2019-03-01 06:30,2.5\n2019-04-03,3\n"
    )
    dots, iso = (pf.Samples.from_file(name) for name in ("dots.csv", "iso.csv"))
    assert_array_equal(dots.x, iso.x)
    assert_array_equal(dots.y, iso.y)
    assert dots.source.x_name == "days since 2019-02-28"
    (here / "other.csv").write_text("d,v\n01.13.2019,1\n02.13.2019,2\n")  # the month first
    with pytest.raises(pf.SamplesError, match="line 2"):
        pf.Samples.from_file("other.csv")
    (here / "short.csv").write_text("d,v\n3.4.01,1\n4.4.01,2\n")
    with pytest.raises(pf.SamplesError, match="line 2: expected dates as 2001-12-31"):
        pf.Samples.from_file("short.csv")
