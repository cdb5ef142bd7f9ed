"""Frozen, typed settings and the one loader that reads them."""

from icp_xl.config.base import Section
from icp_xl.config.describe import settings_template
from icp_xl.config.loader import load_settings
from icp_xl.config.settings import Settings

__all__ = ["Section", "Settings", "load_settings", "settings_template"]
