"""Pictures. The only importer of matplotlib; no window system is needed."""

from .appendix import draw_fig5, draw_fig6, draw_fig7, draw_fig8, draw_regimes
from .overview import check_target, overview, save_overview
from .panels import draw_function, draw_loss, draw_residuals, draw_uv
from .style import save

__all__ = [
    "check_target",
    "draw_fig5",
    "draw_fig6",
    "draw_fig7",
    "draw_fig8",
    "draw_function",
    "draw_loss",
    "draw_regimes",
    "draw_residuals",
    "draw_uv",
    "overview",
    "save",
    "save_overview",
]
