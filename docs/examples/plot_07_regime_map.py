"""
A map of regimes
================

A sweep over the balance of the layers and the size of the start. The map shows how far the tangent
kernel has turned during training: where it is dark the network is lazy.
"""

from pathlib import Path

import particleflow as pf

Path("map.toml").write_text("""
samples = { kind = "sine", count = 8 }
neurons = { count = 50 }
flow = { t_end = 50.0, tolerance = 1e-3 }
""")

axes = {
    "neurons.delta": [-1000, -100, -10, -1, 0, 1, 10, 100],
    "neurons.scale": [0.1, 0.3, 1, 3, 10, 30],
}
table = pf.sweep("map.toml", axes, "map.h5", seeds=2, overwrite=True)
pf.figures.plot_sweep(table)
