"""Which modules run as machine code, and whether what was compiled is still what the sources say.

``make compile`` translates the modules below with mypyc into ``build/compiled``. A digest of the sources lies beside
the result: once any of them has changed, all of them run as plain Python again, so an edit counts at once and stale
code never runs. Results are the same either way; compiled is about a third faster.

What has to be known: a module that defines msgspec structs is not listed, because mypyc drops the annotations that
msgspec reads; a class of a listed module can only be inherited from in a listed module (every subclass of
``KeyedState``, say); nothing of a listed module can be replaced at run time. A decoder is compiled too, from the lines
that ``pipeline.wire.avrocode`` generates of the schemas (``pipeline.wire.ready``).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "compiled"
STAMP = FOLDER / "sources.digest"
CACHES = ROOT / "deploy" / "inline_caches.h"
"""What the generated code remembers of its look-ups; compiled into each module."""
GROUP = "wangge__mypyc"
"""The one library that holds the code of all modules; each module is a shim of it."""
CODECS = "wangge_codecs"
"""The module of generated decoders; there is no source of it to fall back on, and none is needed."""

MODULES = (
    "pipeline.domain.calendar",
    "pipeline.domain.gazetteer",
    "pipeline.domain.geo.datum",
    "pipeline.domain.geo.places",
    "pipeline.domain.geo.projection",
    "pipeline.domain.geo.tiles",
    "pipeline.domain.ids",
    "pipeline.domain.lexicon",
    "pipeline.domain.limits",
    "pipeline.domain.mentions",
    "pipeline.domain.pairmodel",
    "pipeline.domain.phrases",
    "pipeline.domain.privacy.address",
    "pipeline.domain.privacy.keys",
    "pipeline.domain.privacy.names",
    "pipeline.domain.privacy.numbers",
    "pipeline.domain.privacy.redact",
    "pipeline.domain.probes",
    "pipeline.domain.readings",
    "pipeline.domain.text",
    "pipeline.learning.recorder",
    "pipeline.runtime.answers",
    "pipeline.runtime.counts",
    "pipeline.runtime.kafka.arriving",
    "pipeline.runtime.kafka.engine",
    "pipeline.runtime.kafka.lanestate",
    "pipeline.runtime.kafka.outbox",
    "pipeline.runtime.kafka.work",
    "pipeline.runtime.local",
    "pipeline.runtime.merge",
    "pipeline.runtime.polling",
    "pipeline.stages.alarms",
    "pipeline.stages.borders",
    "pipeline.stages.casebook",
    "pipeline.stages.casework",
    "pipeline.stages.classify",
    "pipeline.stages.deduplicate",
    "pipeline.stages.detect",
    "pipeline.stages.detect_step",
    "pipeline.stages.devicebook",
    "pipeline.stages.duplicate_policy",
    "pipeline.stages.duty_doubt",
    "pipeline.stages.file",
    "pipeline.stages.intake",
    "pipeline.stages.judge",
    "pipeline.stages.kinship",
    "pipeline.stages.learned_pairing",
    "pipeline.stages.levels",
    "pipeline.stages.locate",
    "pipeline.stages.notices",
    "pipeline.stages.pairing",
    "pipeline.stages.pins",
    "pipeline.stages.reclassify",
    "pipeline.stages.register",
    "pipeline.stages.remember",
    "pipeline.stages.reported",
    "pipeline.stages.route",
    "pipeline.stages.screen",
    "pipeline.stages.screen_readings",
    "pipeline.stages.series",
    "pipeline.stages.signs",
    "pipeline.stages.status",
    "pipeline.stages.track",
    "pipeline.stages.work",
    "pipeline.state",
    "pipeline.topology",
    "pipeline.wire.avrocode",
    "pipeline.wire.avrowrite",
    "pipeline.wire.bulk",
    "pipeline.wire.serde",
)
"""What costs time for every record."""
LOOKED_AT = ("domain", "events", "stages", "wire")
"""Folders below ``pipeline`` whose sources the compiled code may have taken something from."""


def sources() -> list[Path]:
    """The files of the listed modules, in their order."""
    return [ROOT.joinpath(*name.split(".")).with_suffix(".py") for name in MODULES]


def digest() -> str:
    """Changes with the Python at hand and with every source that compiled code hangs on."""
    package = ROOT / "pipeline"
    near = [path for folder in LOOKED_AT for path in (package / folder).rglob("*.py")]
    found = hashlib.blake2b(sys.version.encode(), digest_size=16)
    for path in sorted({*near, *package.glob("*.py"), *sources(), *CACHES.parent.glob(CACHES.name)}):
        found.update(path.read_bytes())
    return found.hexdigest()


def fresh() -> bool:
    """Whether compiled code is there and stands for the sources as they are."""
    try:
        return STAMP.read_text(encoding="utf-8") == digest()
    except OSError:
        return False


class _Finder(MetaPathFinder):
    """Finds the listed modules in the folder of compiled ones."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in (GROUP, CODECS) and fullname not in MODULES:
            return None
        return spec_from_file_location(
            fullname, FOLDER.joinpath(*fullname.split(".")).with_suffix(EXTENSION_SUFFIXES[0])
        )


def use_compiled() -> bool:
    """From now on import compiled modules where they are fresh. Tells whether they are."""
    if not fresh():
        return False
    sys.meta_path.insert(0, _Finder())
    return True
