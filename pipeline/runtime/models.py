"""The promoted models of a city folder, as predictors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.domain import pairmodel
from pipeline.domain.models import Models
from pipeline.domain.textmodel import TextModel
from pipeline.domain.unitfile import unpacked
from pipeline.errors import ConfigFaults, Fault
from pipeline.learning.modelfile import Array, read_model
from pipeline.learning.registry import Registry

FOLDER = "models"
Build = Callable[[str, Mapping[str, Array], Mapping[str, Any]], Any]
"""Makes a predictor from version, arrays and tables. Raises ``ValueError`` with every fault when they do not fit."""

BUILDERS: dict[str, tuple[str, Build]] = {
    "classify": ("text", TextModel.of),
    "duplicates": ("pairs", pairmodel.build),
    "routing": ("units", unpacked),
}
"""By task: the field of ``Models`` and what makes its predictor."""


def load_models(city: Path | None) -> Models:
    """Every promoted model of a city's ``models/``. Raises :class:`ConfigFaults` with every fault of all of them."""
    folder = city / FOLDER if city is not None else None
    if folder is None or not folder.is_dir():
        return Models()
    registry, found, faults = Registry(folder), {}, list[Fault]()
    for task, path in sorted(registry.promoted().items()):
        try:
            name, build = BUILDERS[task]
            model = read_model(path, task)
            found[name] = build(model.card.version, model.arrays, model.tables)
        except KeyError:
            faults.append(Fault(str(path), "task", task, f"promote models for {', '.join(BUILDERS)} only"))
        except ValueError as error:
            faults.append(Fault(path.name, "content", str(error), "the model does not fit this program: train it anew"))
        except ConfigFaults as error:
            faults += error.faults
    if faults:
        raise ConfigFaults(faults)
    return Models(**found)
