"""Figures of full runs and how they came about, kept section by section: a long measurement may be done in parts."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from bench.kafka.sizes import Sizes
from pipeline.compiled import fresh

CONDITIONS = "conditions"
"""Key of what was so while each section was measured."""


class Kept:
    """One JSON document; every section is written when it is done."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def results(self) -> dict[str, Any]:
        """All that is kept; nothing when there is nothing yet."""
        found: dict[str, Any] = msgspec.json.decode(self._path.read_bytes()) if self._path.exists() else {}
        return found

    def add(self, section: str, found: Any, conditions: Mapping[str, Any]) -> None:
        """Put a section in the place of what was kept of it before."""
        results = self.results()
        results[section] = found
        results[CONDITIONS] = {**results.get(CONDITIONS, {}), section: conditions}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh_copy = self._path.with_suffix(".new")
        fresh_copy.write_bytes(msgspec.json.format(msgspec.json.encode(results)))
        fresh_copy.replace(self._path)


def conditions(sizes: Sizes) -> dict[str, Any]:
    """What a reader must know to judge a figure: when, on what, how busy it was, how much was measured."""
    return {
        "at": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "load": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count() or 0,
        "processor": _processor(),
        "python": platform.python_version(),
        "compiled": fresh(),
        "sizes": {name: value for name, value in asdict(sizes).items() if name != "day"} | {"scale": sizes.day.scale},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
