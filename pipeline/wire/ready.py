"""Codecs made ahead of time: the generated functions of all published schemas as one module that mypyc can compile.

``deploy/compile.py`` writes and compiles the module; :func:`ready_made` finds a function by the very lines it was made
of, so a schema that has changed since simply gets its function generated at run time, as without any compiling.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from hashlib import blake2b
from importlib import import_module
from typing import Any, NamedTuple

from pipeline.events.records import READINGS_SCHEMA, REPORT_SCHEMAS

HOT = (*REPORT_SCHEMAS, READINGS_SCHEMA)
"""Schemas of the records that come in by the million; compiling all of them would take many minutes."""
TOLD = (
    "BoundaryFlagged", "CaseDispatched", "CaseFiled", "CaseStatus", "LocatedReport", "NeighbourNotice", "ReportLinked",
    "ReportSettled", "Samples",
)  # fmt: skip
"""Schemas of what a worker writes of nearly every record."""
BETWEEN = ("LocatedReport", "NeighbourNotice")
"""Schemas of what one stage writes and the next reads."""
STORED = tuple([name for name in TOLD if name not in (*BETWEEN, "CaseStatus")])
"""Schemas of what the sink reads of nearly every record."""
MODULE = "wangge_codecs"
GIVEN = ("_pack", "_unpack", "_small", "refuse")
"""What every function may use; the module has each of them once."""
_DATA = (dict, list, tuple, str, bytes, int, float, bool, type(None))
_KINDS = {"l": "list[Any]", "m": "dict[Any, Any]"}


class Codec(NamedTuple):
    """One generated function: its head, its lines and the values its names stand for."""

    head: str
    lines: Sequence[str]
    names: dict[str, Any]

    @property
    def key(self) -> str:
        """The same lines and values, the same key."""
        told = [f"{name}={_said(value)}" for name, value in sorted(self.names.items())]
        text = "\n".join([self.head, *self.lines, *told])
        return "codec_" + blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _said(value: Any) -> str:
    if isinstance(value, _DATA):
        return repr(value)
    return f"{getattr(value, '__module__', '')}.{value.__name__}" if isinstance(value, type) else str(value.__name__)


recorded: list[Codec] | None = None
"""Codecs asked for while this is a list: how the module is collected."""


def ready_made(codec: Codec) -> Callable[..., Any] | None:
    """The compiled function of a codec; ``None`` when there is none."""
    if recorded is not None:
        recorded.append(codec)
    found = _compiled()
    return getattr(found, codec.key, None) if found is not None else None


@cache
def _compiled() -> Any:
    try:
        return import_module(MODULE)
    except ImportError:
        return None


def module_text(codecs: Sequence[Codec]) -> str:
    """The source of the module of these codecs, with the types that make compiled code quick."""
    heads = {
        "from __future__ import annotations", "from struct import Struct", "from typing import Any, Final",
        "from pipeline.wire.avrocode import refuse", "from pipeline.wire.avrowrite import SMALL",
    }  # fmt: skip
    bodies: list[str] = []
    for codec in {one.key: one for one in codecs}.values():
        heads.update(_imports(codec))
        bodies += ["", "", *_function(codec)]
    given = [
        '_double = Struct("<d")', "_pack: Final = _double.pack", "_unpack: Final = _double.unpack_from",
        "_small: Final[tuple[bytes, ...]] = SMALL",
    ]  # fmt: skip
    first = "from __future__ import annotations"
    return "\n".join(
        ['"""Generated: see pipeline/wire/ready.py."""', first, *sorted(heads - {first}), "", *given, *bodies, ""]
    )


def _imports(codec: Codec) -> Iterator[str]:
    for name, value in codec.names.items():
        if isinstance(value, type):
            yield f"from {value.__module__} import {value.__name__} as {name}"
        elif not isinstance(value, _DATA) and name not in GIVEN:
            yield f"from {value.__module__} import {value.__name__}"


def _function(codec: Codec) -> Iterator[str]:
    """The function under its key; data become constants before it, calls go to functions by their own names."""
    data = {name: value for name, value in codec.names.items() if isinstance(value, _DATA) and name not in GIVEN}
    for name, value in data.items():
        yield f"{codec.key}_{name}: Final[Any] = {value!r}"
    reads = codec.head.startswith("def read")
    arguments = "d: bytes, p: int) -> tuple[Any, int]" if reads else "o: list[Any], v: Any) -> None"
    yield f"def {codec.key}({arguments}:"
    body = "\n".join(codec.lines)
    for name, value in codec.names.items():
        if not isinstance(value, (*_DATA, type)) and name not in GIVEN:
            body = re.sub(rf"\b{name}\(", f"{value.__name__}(", body)
    for name in data:
        body = re.sub(rf"\b{name}\b(?=[\[)])", f"{codec.key}_{name}", body)
    assigned = set(re.findall(r"\b([bfiklm]\d+|out|b|e|n|c|q|t)\b(?=(?:, \w+)? ?,? = )|(?<=for )([ik]\d+)\b", body))
    for variable in sorted({one or other for one, other in assigned} | set(re.findall(r"(?<=, )(i\d+)(?= in )", body))):
        yield f" {variable}: {_type(variable, reads)}"
    yield body


def _type(variable: str, reads: bool) -> str:
    if variable in ("n", "c", "q"):
        return "int"
    if reads and variable[0] in _KINDS and variable != "l":
        return _KINDS[variable[0]]
    return {"e": "bytes", "t": "str"}.get(variable, "Any")
