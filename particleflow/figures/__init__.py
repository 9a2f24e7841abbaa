"""Pictures of trajectories, of sweeps and of limits.

No other package imports matplotlib, and no window system is needed. Functions called ``plot_...``,
and `plot`, `draw_alignment`, `draw_edge`, `draw_knots_between`, `draw_min_norm` and `draw_fig5` to
`draw_fig8`, make whole figures. Every other ``draw_`` function draws one panel on the axes that it
is given, and returns these axes.
"""

from .alignment import draw_alignment
from .animation import animate
from .appendix import draw_fig5, draw_fig6, draw_fig7, draw_fig8
from .compared import draw_functions, draw_losses, plot_compared
from .curvature import draw_curvature
from .density import draw_density
from .edge import draw_edge
from .fluctuations import plot_fluctuations
from .interpolants import draw_interpolants
from .kernel import draw_modes, draw_spectrum
from .knots import draw_knots
from .limits import plot_limit
from .maps import draw_map, plot_sweep
from .panels import draw_function, draw_loss, draw_residuals
from .penalised import draw_knots_between, draw_min_norm
from .phase import draw_cylinder, draw_uv
from .pictures import KINDS, check_target, plot
from .samples import plot_samples
from .scalings import plot_scalings
from .sectors import draw_rays, draw_sectors
from .style import save

__all__ = [
    "KINDS",
    "animate",
    "check_target",
    "draw_alignment",
    "draw_curvature",
    "draw_cylinder",
    "draw_density",
    "draw_edge",
    "draw_fig5",
    "draw_fig6",
    "draw_fig7",
    "draw_fig8",
    "draw_function",
    "draw_functions",
    "draw_interpolants",
    "draw_knots",
    "draw_knots_between",
    "draw_loss",
    "draw_losses",
    "draw_map",
    "draw_min_norm",
    "draw_modes",
    "draw_rays",
    "draw_residuals",
    "draw_sectors",
    "draw_spectrum",
    "draw_uv",
    "plot",
    "plot_compared",
    "plot_fluctuations",
    "plot_limit",
    "plot_samples",
    "plot_scalings",
    "plot_sweep",
    "save",
]
