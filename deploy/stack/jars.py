"""Jars of servers that run on Java: fetched once by Maven into a cache folder, and the same bytes for everybody.

``jars.sha256`` lists each jar with its SHA-256. A folder with other jars, or jars with other bytes, is not used.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.stack.places import SETUP, ServerMissing, program

CHECKED = ".checked"
KAFKA, JAVA = "4.1.0", 17
"""Which Kafka is started, and the oldest Java that runs it. A test holds lists, set-up and pages to this."""


def faults_of(folder: Path, listed: str) -> list[str]:
    """What is missing or differs in a folder from a list as ``sha256sum`` prints it."""
    return [fault for line in listed.splitlines() if (fault := _fault(folder, *line.split()))]


def _fault(folder: Path, digest: str, name: str) -> str:
    try:
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    except FileNotFoundError:
        return f"{name} is missing"
    return "" if found == digest else f"{name} has other bytes than listed"


@dataclass(frozen=True)
class Jars:
    """What one server needs: ``home`` has its ``pom.xml`` and its ``jars.sha256``."""

    name: str
    home: Path

    @property
    def folder(self) -> Path:
        """Where they are kept: ``$XDG_CACHE_HOME/wangge/<name>``, usually below ``~/.cache``."""
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wangge" / self.name

    @property
    def project(self) -> Path:
        """What Maven reads."""
        return self.home / "pom.xml"

    @property
    def list(self) -> Path:
        """The names and digests."""
        return self.home / "jars.sha256"

    @property
    def archive(self) -> Path:
        """Where the classes of a start are kept in a form that Java maps into memory; without it one is slower."""
        mark = hashlib.sha256(self.list.read_bytes()).hexdigest()[:16]
        return self.folder / f"classes-{mark}.jsa"

    def complete(self) -> bool:
        """Whether the jars were checked against the list as it is now; quick."""
        try:
            return (self.folder / CHECKED).read_text(encoding="utf-8") == self.list.read_text(encoding="utf-8")
        except FileNotFoundError:
            return False

    def fetch(self) -> None:
        """Have the jars, by Maven when they are not there. Raises :class:`ServerMissing` with what is wrong."""
        listed = self.list.read_text(encoding="utf-8")
        if faults_of(self.folder, listed):
            self.folder.mkdir(parents=True, exist_ok=True)
            subprocess.run(
                [program("mvn"), "-q", "-B", "-f", str(self.project), "dependency:copy-dependencies",
                 "-DincludeScope=runtime", "-DoverWriteReleases=true", f"-DoutputDirectory={self.folder}"],
                check=True,
            )  # fmt: skip
        if faults := faults_of(self.folder, listed):
            message = f"the jars in {self.folder} are not those of {self.list.name}: {'; '.join(faults)}"
            raise ServerMissing(message)
        (self.folder / CHECKED).write_text(listed, encoding="utf-8")

    def class_path(self) -> str:
        """The listed jars and no other. Raises :class:`ServerMissing` without them."""
        if not self.complete():
            message = f"the jars of {self.name} are not in {self.folder}: {SETUP}"
            raise ServerMissing(message)
        names = [line.split()[1] for line in self.list.read_text(encoding="utf-8").splitlines()]
        return os.pathsep.join(str(self.folder / name) for name in names)


BROKER = Jars("kafka", Path(__file__).parent)
