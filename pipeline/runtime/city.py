"""A city as a run needs it: its reference set, checked as a whole, and its layers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from pipeline.domain.geo.geojson import read_layer
from pipeline.domain.geo.layers import BEGIN, END, OWN_PROPERTIES, Layer, LayerFaults, LayerSpec
from pipeline.domain.models import Models
from pipeline.domain.reference.check import check
from pipeline.domain.reference.conditions import answers_asked
from pipeline.domain.reference.load import load_reference
from pipeline.domain.reference.model import Reference
from pipeline.errors import ConfigFaults, Fault
from pipeline.runtime.models import load_models
from pipeline.settings import Settings
from pipeline.stages.screen import ScreenPolicy
from pipeline.topology import Topology
from schemas.catalogue import limits


@dataclass(frozen=True)
class City:
    """Reference set, layers and models that have passed their checks."""

    reference: Reference
    layers: tuple[Layer, ...]
    models: Models = field(default_factory=Models)

    @property
    def version(self) -> str:
        """What decisions hang on: the version of the reference set, and those of the models in force."""
        return "+".join((self.reference.version, *self.models.versions))


class _About(msgspec.Struct):
    """What a layer file says of itself, beside its features (foreign members of the FeatureCollection)."""

    name: str = ""
    system: str = "unit"
    kind: str = "unit"
    version: str = "1"
    valid_from: int = BEGIN
    valid_to: int = END


def load_city(base: Path, overlay: Path | None) -> City:
    """The city of a reference set and its overlay. Raises :class:`ConfigFaults` with every fault of all of it."""
    faults: list[Fault] = []
    reference, layers, models = Reference.__new__(Reference), [], Models()
    try:
        reference = load_reference(base, overlay)
    except ConfigFaults as found:
        faults += found.faults
    for path in layer_files(overlay):
        try:
            layers.append(_layer(path))
        except LayerFaults as found:
            faults += found.faults
        except msgspec.MsgspecError as error:
            faults.append(Fault(path.name, "layer", str(error), "give a GeoJSON FeatureCollection"))
    try:
        models = load_models(overlay)
    except ConfigFaults as found:
        faults += found.faults
    if faults:
        raise ConfigFaults(faults)
    return City(reference, tuple(layers), models)


def faults_of(base: Path, overlay: Path | None) -> list[Fault]:
    """Every fault of a city, for ``wangge check``; an empty list when it may start."""
    try:
        city = load_city(base, overlay)
    except ConfigFaults as found:
        return found.faults
    return check(city.reference)


def layer_files(overlay: Path | None) -> list[Path]:
    """The layer files of an overlay, in order of their names."""
    folder = overlay / "layers" if overlay is not None else None
    return sorted(folder.glob("*.geojson*")) if folder is not None and folder.is_dir() else []


def _layer(path: Path) -> Layer:
    data = path.read_bytes()
    about = msgspec.json.decode(data, type=_About) if not path.name.endswith(".gz") else _About()
    spec = LayerSpec(
        name=about.name or path.stem, system=about.system, kind=about.kind, version=about.version,
        valid_from=about.valid_from, valid_to=about.valid_to, mend=True,
    )  # fmt: skip
    return read_layer(data, replace(spec, **OWN_PROPERTIES))  # type: ignore[arg-type]  # names of properties only


def topology_of(city: City, settings: Settings) -> Topology:
    """The stages of a city, compiled."""
    about = city.reference.city
    screening = ScreenPolicy(
        key=settings.key,
        bounding_box=about.bounding_box,
        default_points=frozenset(about.default_points),
        max_lengths={name: limits(name) for name in ("GridWorkerReport", "HotlineOrder", "Report")},
        asked=answers_asked(city.reference.tables.duties),
    )
    return Topology(city.reference, city.layers, screening, city.models)
