"""The one exception family of this package: what came, what was expected, what to do."""


class DaggerError(Exception):
    """Base class: catching it catches everything this package raises on purpose."""


class ConfigError(DaggerError, ValueError):
    """A setting is out of range or does not fit another one."""


class PolicyError(DaggerError, RuntimeError):
    """A policy does not keep what it promises: an action for every conversation."""


class StoreError(DaggerError, RuntimeError):
    """An episode store cannot be read or written; what it already holds is untouched."""


class CheckpointError(DaggerError, RuntimeError):
    """A model or tokenizer cannot be loaded from, or saved to, the given place."""


class TemplateError(DaggerError, ValueError):
    """A chat template cannot be used for exact token-in-token-out training."""
