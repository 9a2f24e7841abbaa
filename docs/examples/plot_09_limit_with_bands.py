"""
The mean-field limit, with error bars
=====================================

`mean_field_limit` runs quiet starts of more and more neurons until the standard error of f is below
a tolerance, and says whether they agree with a limit. Left: f with two standard errors to either
side, and how far single starts of independent neurons are from it. Middle: the errors of each
level, beside those of independent neurons.
"""

from pathlib import Path

import particleflow as pf

Path("limit.toml").write_text("""
samples = { kind = "square_wave", count = 6 }
neurons = { delta = -1.0 }
flow = { t_end = 20.0, tolerance = 1e-4 }
""")

limit = pf.mean_field_limit(
    "limit.toml", "limit.h5", tolerance=5e-3, replicates=6, first=128, overwrite=True
)
print(limit.neurons, "neurons:", limit.verdict)

pf.figures.plot_limit(limit)
