"""What an importer is: a public set in, input records, a city's reference overlay and the truth out.

The folders an importer writes:

* ``inputs/*.avro``: what the city could know when a report came in. Nothing of what became of it is in there.
* ``city/``: the reference overlay of that city (areas, layers, categories, departments, duties, devices).
* ``truth/*.csv``: what became of it (department, duplicate of, closed when …), only for measuring afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from connectors.sources.encoding import UTF8, is_utf8, majority
from connectors.sources.fields import csv_rows
from connectors.sources.files import Progress
from connectors.sources.lines import blocks, lines, unpacked
from pipeline.errors import ConfigFaults, Fault, InvalidRecord

Row = dict[str, str]
Report = Callable[[Progress], None]
"""Is told how many bytes of the set are read, and how many there are."""


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import made: records written by file, rows left out by reason, and remarks for the reader."""

    name: str
    records: int
    samples: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


Importer = Callable[["Job"], ImportSummary]


@dataclass(slots=True)
class Job:
    """One import under way: where from, where to, what was left out, how far it is."""

    name: str
    path: Path
    out: Path
    report: Report = lambda progress: None
    skipped: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)
    _done: int = 0
    _total: int = 0

    def tables(self, pattern: str) -> list[Path]:
        """Files of the set, packed or not, sorted by name. A set without any is a fault of the caller."""
        found = self._found(pattern)
        if not found:
            raise ConfigFaults([Fault(self.name, "path", str(self.path), f"name a folder that holds {pattern}[.gz]")])
        self._total += sum(path.stat().st_size for path in found)
        return found

    def has(self, pattern: str) -> bool:
        """Whether there are such files."""
        return bool(self._found(pattern))

    def optional(self, pattern: str) -> list[Path]:
        """The same for files that may be missing."""
        return self.tables(pattern) if self.has(pattern) else []

    def _found(self, pattern: str) -> list[Path]:
        return sorted({*self.path.glob(pattern), *self.path.glob(f"{pattern}.gz")}) if self.path.is_dir() else []

    def rows(self, path: Path, *required: str) -> Iterator[Row]:
        """Rows of a table; a row that cannot be read is counted as skipped. Raises when a column is not there."""
        with path.open("rb") as raw:
            for number, row in enumerate(table_rows(path, lines(blocks(unpacked(raw)), keep_blank=True))):
                if isinstance(row, InvalidRecord):
                    self.skipped[row.reason.value] += 1
                    continue
                if number == 0:
                    _need(self.name, path, row, required)
                if not number & 0xFFF:
                    self.report(Progress(self._done + raw.tell(), self._total))
                yield row
        self._done += path.stat().st_size
        self.report(Progress(self._done, self._total))

    def summary(self, records: int, files: Iterable[str], samples: int = 0) -> ImportSummary:
        """What this import made."""
        return ImportSummary(self.name, records, samples, dict(self.skipped), tuple(files), tuple(self.remarks))


def table_rows(path: Path, source: Iterator[bytes]) -> Iterator[Row | InvalidRecord]:
    """Rows of a table in the encoding of its file."""
    return (record[0] for record in csv_rows(source, _encoding(path)) if record is not None)


def _encoding(path: Path) -> str:
    with path.open("rb") as raw:
        if is_utf8(blocks(unpacked(raw))):
            return UTF8
    with path.open("rb") as raw:
        return majority(lines(blocks(unpacked(raw))))


def _need(name: str, path: Path, row: Row, required: tuple[str, ...]) -> None:
    faults = [
        Fault(f"{name}: {path.name}", "column", column, f"the table needs it; it has {', '.join(row)}")
        for column in required
        if column not in row
    ]
    if faults:
        raise ConfigFaults(faults)
