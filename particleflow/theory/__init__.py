"""What theory says beside the simulation."""

from .lemma1 import ATTRACTOR, BORDER, PASS_THROUGH, REPULSOR, classify_rays

__all__ = ["ATTRACTOR", "BORDER", "PASS_THROUGH", "REPULSOR", "classify_rays"]
