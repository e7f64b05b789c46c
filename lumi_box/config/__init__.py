"""The config file: refused with every mistake at once, or turned into frozen dataclasses."""

from lumi_box.config.errors import ConfigError
from lumi_box.config.file import find, initial_text
from lumi_box.config.load import bound, load, to_toml
from lumi_box.config.modes import loose_modes
from lumi_box.config.schema import Config, DatabaseConfig
from lumi_box.config.secrets import masked
from lumi_box.config.secrets import values as secret_values

__all__ = [
    "Config",
    "ConfigError",
    "DatabaseConfig",
    "bound",
    "find",
    "initial_text",
    "load",
    "loose_modes",
    "masked",
    "secret_values",
    "to_toml",
]
