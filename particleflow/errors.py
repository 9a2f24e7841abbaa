"""Errors that a user can act on.

Each message names the argument or file, what was expected and what was found.
"""


class ParticleflowError(Exception):
    """Base of every error that this package raises on purpose."""


class SamplesError(ParticleflowError, ValueError):
    """The samples cannot be used: their shape, order or file is wrong, or one is not finite."""


class ImmutableError(ParticleflowError, AttributeError):
    """A new value was given to an attribute of an object that never changes."""


class CopyError(ParticleflowError, TypeError):
    """An object cannot be serialised; the message says what to do instead."""


class NeuronsError(ParticleflowError, ValueError):
    """The neurons cannot be used: their shape, file or an option is wrong, or one is not finite."""


class ConfigError(ParticleflowError, ValueError):
    """A configuration is wrong: an unknown key, a wrong type, an impossible combination."""


class DeviceError(ParticleflowError, RuntimeError):
    """A device, threads, memory or processes that a run needs are not to be had."""


class TrajectoryError(ParticleflowError, OSError):
    """A trajectory, or another file such as a table or a picture, cannot be written or read."""


class RangeError(TrajectoryError, ValueError):
    """A trajectory has no such frame or neuron."""


class WriteError(TrajectoryError):
    """The disk refused to write: no room, no permission any more, an error of the device."""


class IntegrationError(ParticleflowError, ArithmeticError):
    """A run failed: the state is no longer finite, or the step shrank below rounding."""
