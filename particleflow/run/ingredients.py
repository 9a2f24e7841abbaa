"""Checks of the samples, neurons and integrator that a simulation is made of."""

from typing import Any

from particleflow.arguments import brief, finite
from particleflow.backend import METRICS, PRECISIONS, Precision, Share, Start
from particleflow.errors import ConfigError, NeuronsError, SamplesError
from particleflow.integrators import registry
from particleflow.model.measure import is_whole
from particleflow.model.neurons import NeuronSource
from particleflow.model.samples import Samples


def check_parts(samples: Any, neurons: Any, integrator: Any) -> None:
    """Refuse arguments of a simulation that are no samples, no neurons or no integrator.

    Raises
    ------
    SamplesError, NeuronsError, ConfigError
        The first argument of another type, with how to make one of the right type.
    """
    if not isinstance(samples, Samples):
        raise SamplesError(
            f"samples: expected Samples, found {brief(samples)}; pf.Samples(x, y) makes them"
        )
    if not hasattr(neurons, "part"):
        raise NeuronsError(
            f"neurons: expected Neurons or Initialisation, found {brief(neurons)}; "
            "pf.Neurons(a, b, c) and pf.initialise make them"
        )
    if not is_whole(getattr(neurons, "weights", None)):
        raise NeuronsError(
            f"neurons: are a part of others, with weights of the sum {neurons.weights.sum():.6g}; "
            "pf.Neurons(a, b, c, weights=...) makes them a network of their own"
        )
    if isinstance(integrator, type) or not (integrator is None or hasattr(integrator, "start")):
        *some, last = (f"{registry.of_name(name).__name__}()" for name in registry.names())
        raise ConfigError(
            f"integrator: expected {', '.join(some)} or {last}, found {brief(integrator)}"
        )


def check_choices(metric: Any, state_dtype: Any) -> None:
    """Refuse a metric or a precision that does not exist.

    Raises
    ------
    ConfigError
    """
    if metric not in METRICS:
        raise ConfigError(f"metric: expected one of {', '.join(METRICS)}, found {metric!r}")
    if state_dtype not in PRECISIONS:
        raise ConfigError(
            f"state_dtype: expected one of {', '.join(PRECISIONS)}, found {state_dtype!r}"
        )


def checked_decay(decay: Any, metric: str) -> float:
    """The rate of weight decay, if it is one that this metric has.

    Raises
    ------
    ConfigError
    """
    rate = finite("decay", decay, ConfigError)
    if rate < 0.0:
        raise ConfigError(f"decay: expected a rate of at least 0, found {rate:g}")
    if rate > 0.0 and metric != "network":
        raise ConfigError(
            f"decay: needs metric = 'network', found {metric!r}: weight decay shrinks (a, b, c), "
            "and (rhat, theta) alone do not say how these move"
        )
    return rate


def described(thing: Any) -> str:
    """A text by which ranks compare the objects that they were given."""
    if hasattr(thing, "fingerprint"):
        return str(thing.fingerprint())
    kind = type(thing)
    # the repr of `object` holds an address, which differs between ranks
    return kind.__name__ if kind.__repr__ is object.__repr__ else repr(thing)


def start_of(
    neurons: NeuronSource, share: Share, slides: bool, dtype: Precision, decays: bool
) -> Start:
    """The neurons of a share at the begin of a run.

    Raises
    ------
    NeuronsError, ConfigError
        They cannot be drawn or read, or their weights are too small for this precision.
    """
    own = neurons.part(share.first, share.last)
    return Start(own.a, own.b, own.c, own.cells, slides, own.weights).check(
        neurons.size, dtype, decays
    )
