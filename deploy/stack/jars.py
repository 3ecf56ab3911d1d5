"""The broker's jars: fetched once by Maven into a cache folder, and the same bytes for everybody.

``jars.sha256`` lists each jar with its SHA-256. A folder with other jars, or jars with other bytes, is not used.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from deploy.stack.places import ServerMissing, program

HERE = Path(__file__).parent
LIST = HERE / "jars.sha256"
PROJECT = HERE / "pom.xml"
CHECKED = ".checked"
KAFKA, JAVA = "4.1.0", 17
"""Which Kafka is started, and the oldest Java that runs it. A test holds lists, set-up and pages to this."""


def jar_folder() -> Path:
    """Where the jars are kept: ``$XDG_CACHE_HOME/wangge/kafka``, usually below ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wangge" / "kafka"


def faults_of(folder: Path, listed: str) -> list[str]:
    """What is missing or differs in a folder from a list as ``sha256sum`` prints it."""
    return [fault for line in listed.splitlines() if (fault := _fault(folder, *line.split()))]


def _fault(folder: Path, digest: str, name: str) -> str:
    try:
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    except FileNotFoundError:
        return f"{name} is missing"
    return "" if found == digest else f"{name} has other bytes than listed"


def archive() -> Path:
    """Where the classes of a broker are kept in a form that Java maps into memory; without it a start is slower."""
    mark = hashlib.sha256(LIST.read_bytes()).hexdigest()[:16]
    return jar_folder() / f"classes-{mark}.jsa"


def complete(folder: Path) -> bool:
    """Whether the jars were checked against the list as it is now; quick."""
    try:
        return (folder / CHECKED).read_text(encoding="utf-8") == LIST.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False


def fetch(folder: Path) -> None:
    """Have the jars in the folder, by Maven when they are not. Raises :class:`ServerMissing` with what is wrong."""
    listed = LIST.read_text(encoding="utf-8")
    if faults_of(folder, listed):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [program("mvn"), "-q", "-B", "-f", str(PROJECT), "dependency:copy-dependencies",
             "-DincludeScope=runtime", "-DoverWriteReleases=true", f"-DoutputDirectory={folder}"],
            check=True,
        )  # fmt: skip
    if faults := faults_of(folder, listed):
        message = f"the jars in {folder} are not those of {LIST.name}: {'; '.join(faults)}"
        raise ServerMissing(message)
    (folder / CHECKED).write_text(listed, encoding="utf-8")


def class_path() -> str:
    """The class path of the broker: the listed jars and no other. Raises :class:`ServerMissing` without them."""
    folder = jar_folder()
    if not complete(folder):
        message = f"the jars of Kafka are not in {folder}: run deploy/setup/servers.sh"
        raise ServerMissing(message)
    names = [line.split()[1] for line in LIST.read_text(encoding="utf-8").splitlines()]
    return os.pathsep.join(str(folder / name) for name in names)
