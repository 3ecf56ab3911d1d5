"""Is a process getting on? Decided from what its loop tells, not from whether it answers.

Alive means: the loop turned lately, and wherever records wait the committed position moved lately. A process that
waits for a neighbour knowingly, or reads its state back, is not asked for commits: starting it anew would not help.
Ready means: alive, everything it needs is there, and it waits for nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from threading import Lock

TOUCH_LIMIT_S = 30.0
COMMIT_LIMIT_S = 60.0
Place = tuple[str, int]
"""Topic and partition."""


@dataclass(slots=True)
class PlaceState:
    """One partition: what was said of it, with the times of the process's clock in seconds."""

    since: float
    """When the position last moved, or when there was last nothing to commit."""
    position: int = -1
    lag_records: int = 0
    lag_s: float = 0.0
    lag_at: float = 0.0
    taken_at: float | None = None


@dataclass(frozen=True, slots=True)
class PlaceView:
    """One partition as of now."""

    position: int
    lag_records: int
    lag_s: float
    commit_age_s: float
    unacked_age_s: float


@dataclass(frozen=True, slots=True)
class Picture:
    """The process as of now. ``faults`` say why it is not alive, ``missing`` why it is not ready."""

    loop_age_s: float
    needs: dict[str, bool]
    waiting: str
    recovering: str
    places: dict[Place, PlaceView]
    faults: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def live(self) -> bool:
        """Whether the process gets on."""
        return not self.faults

    @property
    def is_ready(self) -> bool:
        """Whether it does its work now."""
        return self.live and not self.missing


class Progress:
    """What the loop of a process has told. ``clock`` gives seconds and never goes back."""

    def __init__(
        self,
        needs: Iterable[str],
        clock: Callable[[], float],
        touch_limit_s: float = TOUCH_LIMIT_S,
        commit_limit_s: float = COMMIT_LIMIT_S,
    ) -> None:
        self._clock, self.touch_limit_s, self.commit_limit_s = clock, touch_limit_s, commit_limit_s
        self._needs = dict.fromkeys(needs, False)
        self._touched = clock()
        self._waiting = self._recovering = ""
        self._places: dict[Place, PlaceState] = {}
        self._is_assigned = False
        self._lock = Lock()

    def touched(self) -> None:
        """The loop turned once."""
        self._touched = self._clock()

    def assigned(self, places: Collection[Place]) -> None:
        """The whole assignment; partitions that stay keep what is known of them, others are heard no more."""
        now = self._clock()
        with self._lock:
            self._is_assigned = True
            self._places = {place: self._places.get(place, PlaceState(now)) for place in places}

    def lag(self, place: Place, records: int, seconds: float) -> None:
        """Records not consumed yet; where none waited until now, time begins to count now."""
        with self._lock:
            known, now = self._known(place), self._clock()
            known.since = now if known.lag_records <= 0 else known.since
            known.lag_records, known.lag_s, known.lag_at = max(0, records), seconds, now

    def took(self, place: Place) -> None:
        """A batch was taken that is not committed yet."""
        with self._lock:
            known = self._known(place)
            if known.taken_at is None:
                known.taken_at = self._clock()

    def committed(self, place: Place, position: int) -> None:
        """The committed position; only one that differs counts as movement."""
        with self._lock:
            known = self._known(place)
            if position != known.position:
                known.position, known.since, known.taken_at = position, self._clock(), None

    def _known(self, place: Place) -> PlaceState:
        """What is known of a partition; what is said of one that went to another process is not kept."""
        known = self._places.get(place)
        if known is None:
            known = PlaceState(self._clock())
            if not self._is_assigned:
                self._places[place] = known
        return known

    def ready(self, need: str, there: bool) -> None:
        """A need is there, or away."""
        self._needs[need] = there

    def waiting(self, neighbour: str) -> None:
        """The process waits for a neighbour knowingly; "" when it no longer does."""
        self._renewed(self._waiting, neighbour)
        self._waiting = neighbour

    def recovering(self, stage: str) -> None:
        """A state is read back ("" when it is whole); this too is a turn of the loop."""
        self.touched()
        self._renewed(self._recovering, stage)
        self._recovering = stage

    def _renewed(self, before: str, after: str) -> None:
        """What kept commits from moving is over: time begins to count now."""
        if before and not after:
            with self._lock:
                for known in self._places.values():
                    known.since = self._clock()

    def picture(self) -> Picture:
        """Everything as of now."""
        now = self._clock()
        with self._lock:
            places = {place: _view(known, now) for place, known in self._places.items()}
        loop_age, needs = now - self._touched, dict(self._needs)
        faults = tuple(self._faults(loop_age, places))
        missing = [f"{need} is away" for need, there in needs.items() if not there]
        missing += [f"waits for {self._waiting}"] if self._waiting else []
        missing += [f"reads {self._recovering} back"] if self._recovering else []
        return Picture(loop_age, needs, self._waiting, self._recovering, places, faults, tuple(missing))

    def _faults(self, loop_age: float, places: dict[Place, PlaceView]) -> Iterable[str]:
        if loop_age > self.touch_limit_s:
            yield f"the loop has not turned for {loop_age:.0f} s"
        if self._waiting or self._recovering:
            return
        for (topic, partition), view in places.items():
            if view.commit_age_s > self.commit_limit_s:
                waits = f"{view.lag_records} wait" if view.lag_records else "a batch is open"
                yield f"{topic}/{partition}: {waits} and nothing was committed for {view.commit_age_s:.0f} s"


def _view(known: PlaceState, now: float) -> PlaceView:
    behind, unacked = known.lag_records > 0, 0.0 if known.taken_at is None else now - known.taken_at
    return PlaceView(
        position=known.position,
        lag_records=known.lag_records,
        lag_s=known.lag_s + (now - known.lag_at) if behind else 0.0,
        commit_age_s=now - known.since if behind else min(unacked, now - known.since),
        unacked_age_s=unacked,
    )
