"""Networks of PyTorch, Linear - ReLU - Linear with one input and one output, as raw parameters.

Nothing here imports torch but `state_of`, which makes tensors: parameters are read from whatever
has a ``state_dict``, or from a mapping of names to tensors or arrays.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from particleflow.arguments import Array, brief
from particleflow.errors import NeuronsError

_LAYERS = frozenset({"Linear", "ReLU", "Identity"})
"""Names of the classes of layers that a network may be made of."""
_EXPECTED = "expected Linear(1, m), ReLU, Linear(m, 1)"


def parameters_of(source: Any) -> tuple[Array, Array, Array]:
    """Raw (a, b, c), (m,) float64 each, of a module or of its ``state_dict``.

    Parameters
    ----------
    source : torch.nn.Module or mapping of str to tensor or array
        A first layer with a weight (m, 1) and a bias (m,), and a second one with a weight (1, m),
        in this order, of any names. A bias of the second layer has to be 0.

    Raises
    ------
    NeuronsError
        The architecture is another; the message says what was found.
    """
    if hasattr(source, "state_dict") and not isinstance(source, type):
        _check_layers(source)
        source = source.state_dict()
    if not isinstance(source, Mapping) and not hasattr(source, "files"):  # a .npz that is open
        raise NeuronsError(f"expected a torch module or its state_dict, found {brief(source)}")
    found = {str(name): _array(name, source[name]) for name in source}
    layers = [name.removesuffix("weight") for name in found if name.endswith("weight")]
    if len(layers) != 2:
        raise NeuronsError(f"{_EXPECTED}, found weights of {len(layers)} layers: {_names(found)}")
    known = {f"{layer}{part}" for layer in layers for part in ("weight", "bias")}
    others = [name for name in found if name not in known]
    if others:
        raise NeuronsError(f"{_EXPECTED}, found {others[0]} too")
    first, second = layers
    a, c = found[f"{first}weight"], found[f"{second}weight"]
    m = a.shape[0] if a.ndim else 0
    if a.shape != (m, 1) or c.shape != (1, m) or m == 0:
        raise NeuronsError(
            f"{_EXPECTED}, found {first}weight {a.shape} and {second}weight {c.shape}"
        )
    if f"{first}bias" not in found:
        raise NeuronsError(
            f"{first}bias: is missing: without biases all knots stay at 0, and this is no network "
            "of this kind"
        )
    b = found[f"{first}bias"]
    if b.shape != (m,):
        raise NeuronsError(f"{first}bias: expected shape ({m},), found {b.shape}")
    last = found.get(f"{second}bias")
    if last is not None and (last != 0.0).any():
        raise NeuronsError(
            f"{second}bias: is {float(last.ravel()[0]):g}: networks here have no bias of the last "
            "layer; make the layer without one, which trains otherwise"
        )
    return a[:, 0].copy(), b, c[0].copy()


def _check_layers(module: Any) -> None:
    """Refuse a module with another kind of layer, or a Sequential with other ones.

    What the ``forward`` of another module does cannot be seen.
    """
    leaves = [layer for layer in module.modules() if not list(layer.children())]
    kinds = [type(layer).__name__ for layer in leaves if layer is not module]
    for kind in kinds:
        if kind not in _LAYERS:
            raise NeuronsError(f"{_EXPECTED}, found {kind}")
    acting = [kind for kind in kinds if kind != "Identity"]
    if type(module).__name__ == "Sequential" and acting != ["Linear", "ReLU", "Linear"]:
        raise NeuronsError(f"{_EXPECTED}, found {', '.join(acting) or 'no layers'}")


def _array(name: Any, value: Any) -> Array:
    """A tensor or array as float64."""
    if hasattr(value, "is_complex") and value.is_complex():
        raise NeuronsError(f"{name}: expected real numbers, found complex ones")
    if hasattr(value, "detach"):  # bfloat16 has no numpy dtype: the tensor is converted, not that
        value = value.detach().cpu().double().numpy()
    try:
        return np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise NeuronsError(f"{name}: expected numbers, found {brief(value)}") from None


def _names(found: Mapping[str, Array]) -> str:
    return ", ".join(f"{name} {values.shape}" for name, values in found.items()) or "nothing"


def state_of(a: Array, b: Array, c: Array, names: tuple[str, str]) -> dict[str, Any]:
    """The ``state_dict`` of a network of these raw parameters, tensors of float64.

    Raises
    ------
    NeuronsError
        torch is not installed.
    """
    try:
        import torch
    except ImportError:
        raise NeuronsError("to_torch: torch is not installed; to_numpy gives arrays") from None
    first, second = names
    arrays = {f"{first}.weight": a[:, None], f"{first}.bias": b, f"{second}.weight": c[None, :]}
    return {name: torch.from_numpy(np.array(values)) for name, values in arrays.items()}
