"""The lock of published schemas: ``schemas/fingerprints.csv``. ``python -m schemas.lock`` adds new versions to it.

A version that is in the lock never changes: messages of it are on the wire and in archives.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from pipeline.errors import Fault
from schemas.catalogue import FOLDER, Schema, catalogue

PATH = FOLDER / "fingerprints.csv"
HEAD = ("name", "version", "fingerprint")
Lock = dict[tuple[str, int], str]


def read_lock(path: Path = PATH) -> Lock:
    """The published versions and their fingerprints (hexadecimal, in wire order)."""
    with path.open(encoding="utf-8", newline="") as lines:
        return {(row["name"], int(row["version"])): row["fingerprint"] for row in csv.DictReader(lines)}


def current(schemas: dict[str, tuple[Schema, ...]]) -> Lock:
    """The versions that are in the folder."""
    return {(s.name, s.version): s.fingerprint.hex() for versions in schemas.values() for s in versions}


def faults(locked: Lock, found: Lock) -> list[Fault]:
    """Published versions that changed or went away, and versions that are not locked yet."""
    told = []
    for (name, version), fingerprint in sorted((locked | found).items()):
        where = f"{name} v{version}"
        if (name, version) not in locked:
            told.append(Fault(where, "fingerprint", fingerprint, "publish it: python -m schemas.lock"))
        elif found.get((name, version)) != locked[name, version]:
            told.append(Fault(where, "fingerprint", fingerprint, "restore the published version and add a new one"))
    return told


def write_lock(path: Path = PATH) -> list[Fault]:
    """Add what is new. Nothing is written while a published version is changed; those faults are returned."""
    locked = read_lock(path) if path.exists() else {}
    found = current(catalogue())
    broken = [fault for fault in faults(locked, found) if "restore" in fault.remedy]
    if not broken:
        with path.open("w", encoding="utf-8", newline="") as lines:
            out = csv.writer(lines, lineterminator="\n")
            out.writerow(HEAD)
            out.writerows((name, version, print_) for (name, version), print_ in sorted(found.items()))
    return broken


if __name__ == "__main__":
    changed = write_lock()
    sys.exit("\n".join(map(str, changed)) if changed else 0)
