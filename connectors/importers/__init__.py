"""Importers of public sets: ``wangge import NAME PATH --out DIR`` (see ``docs/sources.md``)."""

from __future__ import annotations

from pathlib import Path

from connectors.importers import beijing_air, boston311, chicago311, dublin_noise, fuzhou, pingshan, taidi
from connectors.importers.base import Importer, ImportSummary, Job, Report
from connectors.sources.files import Progress
from pipeline.errors import ConfigFaults, Fault

IMPORTERS: dict[str, Importer] = {
    "boston311": boston311.import_set,
    "chicago311": chicago311.import_set,
    "pingshan": pingshan.import_set,
    "fuzhou": fuzhou.import_set,
    "taidi": taidi.import_set,
    "beijing-air": beijing_air.import_set,
    "dublin-noise": dublin_noise.import_set,
}


def _silent(progress: Progress) -> None:
    """Tell nobody."""


def import_set(name: str, path: Path, out: Path, progress: Report = _silent) -> ImportSummary:
    """Import the set of ``name`` from ``path`` into ``out`` (``inputs/``, ``city/``, ``truth/``).

    Raises ``ConfigFaults`` for a name, folder, table or column that is not there. What an earlier import left in
    ``out`` is removed first.
    """
    if name not in IMPORTERS:
        raise ConfigFaults([Fault("import", "name", name, f"name one of {', '.join(IMPORTERS)}")])
    _clear(out)
    return IMPORTERS[name](Job(name, path, out, progress))


def _clear(out: Path) -> None:
    """Remove what an earlier import wrote, and nothing else: a layer left over would be read as part of the city."""
    for pattern in ("inputs/*.avro", "city/*.csv", "city/city.toml", "city/layers/*.geojson", "truth/*.csv"):
        for path in out.glob(pattern):
            path.unlink()


__all__ = ["IMPORTERS", "ImportSummary", "Importer", "Job", "Progress", "Report", "import_set"]
