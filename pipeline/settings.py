"""Where things are and what is secret: the only module that reads the environment. All faults are told at once.

What the rules are is not here: that is the reference set.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from pipeline.errors import ConfigFaults, Fault

DEVELOPMENT_KEY = b"wangge development key: not secret"
"""Used when no key is set, so that a first try works; ``Settings.key_is_secret`` is false then and a run says so."""
MIN_KEY_BYTES, MAX_KEY_BYTES = 16, 64
REFERENCE = Path(__file__).resolve().parent.parent / "deploy" / "reference"


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one process."""

    reference: Path
    key: bytes
    key_is_secret: bool

    @property
    def key_mark(self) -> str:
        """A digest that tells one key from another and gives nothing of it away."""
        return blake2b(b"", key=self.key, digest_size=8, person=b"wangge-key-mark").hexdigest()


def settings_from(environment: Mapping[str, str] | None = None, *, key_name: str = "WANGGE_HMAC_KEY") -> Settings:
    """Settings from the environment (of this process unless given). Raises :class:`ConfigFaults`."""
    values = os.environ if environment is None else environment
    faults: list[Fault] = []
    reference = Path(values.get("WANGGE_REFERENCE") or REFERENCE)
    if not reference.is_dir():
        faults.append(Fault("environment", "WANGGE_REFERENCE", str(reference), "name the folder of the reference set"))
    key = values.get(key_name, "").encode()
    if key and not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        remedy = f"give {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes"
        faults.append(Fault("environment", key_name, f"{len(key)} bytes", remedy))
    if faults:
        raise ConfigFaults(faults)
    return Settings(reference, key or DEVELOPMENT_KEY, bool(key))
