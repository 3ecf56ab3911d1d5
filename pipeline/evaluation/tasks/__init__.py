"""One module a task, each with ``evaluate(request: EvaluateRequest) -> Report``; a file here is a task of the command.

``hot_issues.py`` is ``wangge evaluate hot-issues``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules

from pipeline.evaluation.report import EvaluateRequest, Report

TASKS = sorted(module.name.replace("_", "-") for module in iter_modules(__path__))


def evaluator(task: str) -> Callable[[EvaluateRequest], Report]:
    """The evaluation of a task, loaded when it is asked for. Raises ``ModuleNotFoundError``."""
    found: Callable[[EvaluateRequest], Report] = import_module(f"{__name__}.{task.replace('-', '_')}").evaluate
    return found
