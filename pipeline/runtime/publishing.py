"""Files to Kafka: every record checked, keyed and sent, or refused with its reason; resumable without gaps.

The resume file says how many records of each input Kafka has confirmed. It moves only after Kafka has them, so a crash
sends the last ones again and leaves none out; the repetition is known by source system and number.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

import msgspec

from connectors.kafka.contract import Outgoing, outgoing
from connectors.sources.files import STDIN, FileSource
from pipeline.errors import ConfigFaults, Fault, InvalidRecord
from pipeline.events.base import Millis
from pipeline.events.records import Arrival
from pipeline.runtime.screening import Screen

STEP = 1_000
"""Records between two looks at what Kafka has."""
TOLD = 1_000
"""Refusals that are kept with all they say; the others are counted."""
HEAD = 65_536


class Way(Protocol):
    """Where records go: a publisher, or nowhere for a dry run."""

    def post(self, record: Outgoing) -> Any:
        """Send one record."""

    def flush(self) -> None:
        """Wait until Kafka has all of them."""


class DryRun:
    """Takes records and sends none."""

    def post(self, record: Outgoing) -> None:
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""


class Refusal(msgspec.Struct, frozen=True):
    """One record that was not sent, and what its sender has to mend. ``record`` counts from 1."""

    file: str
    record: int
    reason: str
    field: str
    value: str
    remedy: str


class Read(msgspec.Struct):
    """How far one input was taken; ``mark`` tells whether it still is the same file."""

    records: int = 0
    mark: str = ""


class Progressed(msgspec.Struct):
    """What the resume file holds."""

    inputs: dict[str, Read] = {}
    published: dict[str, int] = {}
    refused: dict[str, int] = {}


@dataclass
class Published:
    """The result: records by topic, refusals by reason, and the first refusals in full."""

    published: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    told: list[Refusal] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class PublishRequest:
    """How to publish. ``rate`` is records a second (0: as fast as it goes)."""

    urgent: bool = False
    department: str = ""
    rate: float = 0.0
    resume: Path | None = None


class Publishing:
    """One run over some inputs."""

    def __init__(
        self,
        way: Way,
        screen: Screen,
        request: PublishRequest,
        progress: Callable[[int, int, int], None] = lambda read, total, records: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._way, self._screen, self._request = way, screen, request
        self._progress, self._clock = progress, clock
        self._pace = _Pace(request.rate)
        self._state = read_state(request.resume)
        self.result = Published(Counter(self._state.published), Counter(self._state.refused))

    def run(self, sources: Iterable[FileSource]) -> Published:
        """Publish every source to its end. Raises what the way raises; the resume file then says how far it got."""
        started, every = time.monotonic(), list(sources)
        self._check(every)
        done, total = 0, sum(source.bytes_total for source in every)
        for source in every:
            self._publish(source, done, total)
            done += source.bytes_total
        self.result.seconds = time.monotonic() - started
        return self.result

    def _check(self, sources: list[FileSource]) -> None:
        """Inputs of a resumed run are the files they were. Raises :class:`ConfigFaults`."""
        faults = []
        for source in sources:
            if self._request.resume is not None and source.path == STDIN:
                faults.append(Fault("--resume", "input", "-", "name files: standard input cannot be read again"))
                continue
            before = self._state.inputs.setdefault(source.name, Read(0, mark_of(source.path)))
            if before.mark != mark_of(source.path):
                remedy = "it is another file than the resume file speaks of: use another resume file"
                faults.append(Fault("--resume", "input", source.name, remedy))
        if faults:
            raise ConfigFaults(faults)

    def _publish(self, source: FileSource, done: int, total: int) -> None:
        read = self._state.inputs.setdefault(source.name, Read())
        source.skip(read.records)
        number = read.records
        for number, arrival in enumerate(source, read.records + 1):
            self._one(source.name, number, arrival)
            if number % STEP == 0:
                self._confirm(read, number)
                self._progress(done + source.bytes_read, total, self._records())
        self._confirm(read, number)
        self._progress(done + source.bytes_total, total, self._records())

    def _one(self, file: str, number: int, arrival: Arrival) -> None:
        now = self._now()
        arrival.appended_at = now
        try:
            record = self._checked(arrival, now)
        except InvalidRecord as fault:
            self._refuse(file, number, fault)
            return
        self._pace.wait()
        self._way.post(record)
        self.result.published[record.topic] += 1

    def _checked(self, arrival: Arrival, now: Millis) -> Outgoing:
        if arrival.fault is not None:
            raise arrival.fault
        assert arrival.body is not None
        record = outgoing(
            arrival.schema, arrival.body, now, urgent=self._request.urgent, department=self._request.department
        )
        if (fault := self._screen(arrival)) is not None:
            raise fault
        return record

    def _refuse(self, file: str, number: int, fault: InvalidRecord) -> None:
        self.result.refused[fault.reason.value] += 1
        if len(self.result.told) < TOLD:
            self.result.told.append(
                Refusal(file, number, fault.reason.value, fault.field, fault.value, fault.remedy)
            )  # fmt: skip

    def _confirm(self, read: Read, number: int) -> None:
        """Kafka has everything up to ``number``: say so in the resume file."""
        self._way.flush()
        read.records = number
        if self._request.resume is not None:
            self._state.published, self._state.refused = dict(self.result.published), dict(self.result.refused)
            write_state(self._request.resume, self._state)

    def _records(self) -> int:
        return self.result.published.total() + self.result.refused.total()

    def _now(self) -> Millis:
        return int(self._clock() * 1000)


class _Pace:
    """Holds back to a rate."""

    def __init__(self, rate: float) -> None:
        self._gap = 1.0 / rate if rate > 0 else 0.0
        self._next = time.monotonic()

    def wait(self) -> None:
        """Sleep until the next record may go."""
        if not self._gap:
            return
        now = time.monotonic()
        self._next = max(self._next + self._gap, now - 1.0)
        if self._next > now:
            time.sleep(self._next - now)


def mark_of(path: Path) -> str:
    """Tells a file from another: its size and a digest of its beginning; "" for standard input."""
    if path == STDIN:
        return ""
    with path.open("rb") as file:
        return f"{path.stat().st_size}:{blake2b(file.read(HEAD), digest_size=8).hexdigest()}"


def read_state(path: Path | None) -> Progressed:
    """What a resume file holds; nothing when there is none. Raises :class:`ConfigFaults` when it cannot be read."""
    if path is None or not path.exists():
        return Progressed()
    try:
        return msgspec.json.decode(path.read_bytes(), type=Progressed)
    except msgspec.MsgspecError as error:
        raise ConfigFaults([Fault("--resume", "file", str(path), f"name a resume file ({error})")]) from error


def write_state(path: Path, state: Progressed) -> None:
    """Replace the resume file in one step, on the disk."""
    partial = path.with_name(path.name + ".new")
    with partial.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(state)))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
