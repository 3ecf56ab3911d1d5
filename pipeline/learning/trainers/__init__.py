"""One module a task, each with ``train(request: TrainRequest) -> Card``; a file here is a task of ``wangge train``."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules

from pipeline.learning.modelfile import Card
from pipeline.learning.request import TrainRequest

TASKS = sorted(module.name for module in iter_modules(__path__))


def trainer(task: str) -> Callable[[TrainRequest], Card]:
    """The trainer of a task, loaded when it is asked for. Raises ``ModuleNotFoundError``."""
    found: Callable[[TrainRequest], Card] = import_module(f"{__name__}.{task}").train
    return found
