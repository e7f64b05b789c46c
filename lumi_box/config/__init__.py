"""The config file: refused with every mistake at once, or turned into frozen dataclasses."""

from lumi_box.config.errors import ConfigError
from lumi_box.config.file import find, initial_text, loose_mode
from lumi_box.config.load import bound, load, to_toml
from lumi_box.config.schema import Config, DatabaseConfig
from lumi_box.config.secrets import masked

__all__ = [
    "Config",
    "ConfigError",
    "DatabaseConfig",
    "bound",
    "find",
    "initial_text",
    "load",
    "loose_mode",
    "masked",
    "to_toml",
]
