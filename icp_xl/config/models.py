"""Settings of the section ``models``: how the files of models are kept."""

from __future__ import annotations

import os

from pydantic import Field

from icp_xl.config.base import Section
from icp_xl.errors import ConfigError


class ModelsSettings(Section):
    """How the files of models are kept."""

    key_env: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="environment variable with the secret that signs models, where the output folder is shared; one "
        "that is not signed with it is then not loaded",
    )

    def key(self) -> bytes:
        """The secret; empty where models are not signed.

        Raises:
            ConfigError: the variable is not set.
        """
        if self.key_env is None:
            return b""
        if not (secret := os.environ.get(self.key_env)):
            raise ConfigError(
                "the secret that signs models is not there",
                where="models.key_env",
                got=f"no environment variable {self.key_env}",
                next_step="Set it, or take models.key_env out of the settings.",
            )
        return secret.encode()
