"""Errors that a user can act on. Each names the thing, what was expected and what was found."""


class ParticleflowError(Exception):
    """Base of every error raised on purpose by this package."""


class SamplesError(ParticleflowError, ValueError):
    """The samples cannot be used: shape, order, not finite, or their file."""


class ImmutableError(ParticleflowError, AttributeError):
    """A new value was given to an attribute of an object that never changes."""


class CopyError(ParticleflowError, TypeError):
    """An object cannot be serialised; the message says what to do instead."""


class NeuronsError(ParticleflowError, ValueError):
    """The neurons cannot be used: shape, not finite, an impossible option, or their file."""


class ConfigError(ParticleflowError, ValueError):
    """A configuration is wrong: an unknown key, a wrong type, an impossible combination."""


class DeviceError(ParticleflowError, RuntimeError):
    """The device or the number of threads that was asked for is not to be had."""


class TrajectoryError(ParticleflowError, OSError):
    """A trajectory file cannot be written or read."""


class RangeError(TrajectoryError, ValueError):
    """A trajectory has no such frame or neuron."""


class WriteError(TrajectoryError):
    """The disk failed a run: no room, no permission any more, an error of the device."""


class IntegrationError(ParticleflowError, ArithmeticError):
    """A run failed: the state is no longer finite, or the step shrank below rounding."""
