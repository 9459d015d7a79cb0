"""The user's own settings: where bytes come from and where they go, never what is locked."""

from lockenv.settings.credentials import Credentials, read_credentials
from lockenv.settings.mirrors import Mirrors, parse_prefix
from lockenv.settings.reading import OCI, Settings, config_files, read_settings
from lockenv.settings.registries import RegistryLogin, RegistryLogins, read_registry_logins

__all__ = [
    "OCI",
    "Credentials",
    "Mirrors",
    "RegistryLogin",
    "RegistryLogins",
    "Settings",
    "config_files",
    "parse_prefix",
    "read_credentials",
    "read_registry_logins",
    "read_settings",
]
