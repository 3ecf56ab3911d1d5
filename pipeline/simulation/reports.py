"""From problems to reports: who notices, through which net, when, how exactly, and what they leave out or get wrong.

Every report comes with its truth: the problem behind it, where that really is, what was done to the record on purpose
and, where it is certain, what must become of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from pipeline.simulation import grammar, kinds, names
from pipeline.simulation.city import City
from pipeline.simulation.clock import DAY, HOUR, MINUTE, day_start
from pipeline.simulation.dice import chance, dice
from pipeline.simulation.lattice import Point, shifted
from pipeline.simulation.problems import Problem, daily, idle_problems, problems_of
from pipeline.simulation.records import (
    NETS,
    NEWER_LIST_FROM,
    ONLY_MEASURED,
    OTHERS,
    SEEN_BY_VIDEO,
    SIGMA_M,
    SYSTEMS,
    UNSURE,
    Body,
    Emitted,
    Made,
    Misconduct,
    patrol_ref,
)
from pipeline.simulation.switches import Switches


@dataclass(frozen=True, slots=True)
class Press:
    """Turns the problems of a day into records."""

    city: City
    switches: Switches
    start: int
    redivided_from: int = 1 << 30
    """The day on which some streets' unit grids are divided anew."""

    def grid_of(self, problem: Problem, day: int) -> str:
        """Code of the unit grid in force on a day."""
        again = self.city.redivided(self.switches.grid_redivision)
        if day >= self.redivided_from and self.city.community_of[problem.cell].street.code in again:
            return self.city.new_grid(problem.cell, problem.u)
        return self.city.grid_codes[problem.cell]

    def emit(self, day: int) -> Iterator[Emitted]:
        """All records caused by the problems of a day; some are received on later days."""
        for problem in problems_of(self.city, self.switches, day, self.start):
            yield from self._problem(problem)
        yield from self._idle(day)

    # --- one problem -------------------------------------------------------------------------------------------
    def _problem(self, problem: Problem) -> list[Emitted]:
        """All records of a problem; the one received first opens the case, the others belong to it."""
        emitted = list(self._tellings(problem))
        made = sorted((item for item in emitted if isinstance(item, Made)), key=lambda item: item.received_at)
        opener = made[0].expected if made else ""
        for item in made[1:]:
            if item.expected in ("filed", "linked"):
                item.expected = "linked" if opener == "filed" else ""
        if made and problem.recurrence_of and opener == "filed":
            made[0].expected = ""  # the case before it may still be open
        return emitted

    def _tellings(self, problem: Problem) -> Iterator[Emitted]:
        if problem.chronic_idle:
            return
        rng = dice(self.city.seed, "reports", problem.id)
        first: Made | None = None
        channel = self._first_net(rng, problem)
        if channel == "grid-worker":
            kept = self._kept_back(rng, problem)
            if kept is not None:
                if kept.what:
                    yield kept
                channel = "hotline" if rng.random() < 0.45 else ""
        if not channel:
            return
        extra: list[Emitted] = []
        first = self._report(rng, problem, channel, 0, extra)
        yield first
        yield from extra
        yield from self._repeats(rng, problem, first.body["source_ref"])
        yield from self._afterwards(rng, problem, first)

    def _first_net(self, rng: Random, problem: Problem) -> str:
        channel = rng.choices(tuple(NETS), tuple(NETS.values()))[0]
        if channel == "video-ai" and problem.kind.key not in SEEN_BY_VIDEO:
            channel = "hotline"
        if problem.kind.emergency and channel in ("video-ai", "media", "grid-worker"):
            channel = rng.choice(("hotline", "police-110", "hotline"))
        return channel

    def _kept_back(self, rng: Random, problem: Problem) -> Misconduct | None:
        """Why the patrol did not report it: nobody in post, the dead strip, or kept to itself; ``None``: it did."""
        grid = self.city.responsibility_of[problem.cell]
        if not grid.worker:
            return Misconduct("", "", 0, "")
        if problem.border_m(self.city) < self.switches.dead_strip_m and rng.random() < self.switches.border_dead_strip:
            return Misconduct(grid.worker, "border_dead_strip", problem.begun_at, problem.id)
        if rng.random() < self.switches.grid_under_reporting:
            return Misconduct(grid.worker, "grid_under_reporting", problem.begun_at, problem.id)
        return None

    def _repeats(self, rng: Random, problem: Problem, first: str) -> Iterator[Emitted]:
        """The same problem through further nets and channels, and from the other side of a border."""
        number = 1
        extra: list[Emitted] = []
        if problem.twin is not None:
            made = self._report(rng, problem, rng.choice(("hotline", "citizen-app")), number, extra, at=problem.twin)
            made.errors.append(problem.twin_kind)
            yield made
            number += 1
        many = 2.4 if problem.kind.emergency else 1.0
        share = min(0.95, self.switches.duplicate_reports * many)
        while number < 6 and rng.random() < share:
            channel = rng.choices(tuple(OTHERS), tuple(OTHERS.values()))[0]
            made = self._report(rng, problem, channel, number, extra)
            made.errors.append("duplicate")
            if rng.random() < self.switches.named_duplicates:
                made.body["related_refs"] = [first]
                made.errors.append("named_duplicate")
            yield made
            number += 1
        yield from extra

    def _afterwards(self, rng: Random, problem: Problem, first: Made) -> Iterator[Emitted]:
        """What comes days later: complaints after closing, emergencies never followed up."""
        unused: list[Emitted] = []
        if first.channel == "hotline" and rng.random() < self.switches.complaint_after_closing:
            made = self._report(rng, problem, "hotline", 7, unused, manner="closed", delay=rng.randrange(2, 6) * DAY)
            made.body |= {
                name: first.body[name] for name in ("reporter_name", "reporter_phone", "address") if name in first.body
            }
            made.body |= {"related_refs": [first.body["source_ref"]], "times_reported": 2, "appeal_type": "complaint"}
            made.private += first.private
            made.errors.append("complaint_after_closing")
            made.expected = ""
            yield made
        if problem.kind.emergency and rng.random() < self.switches.emergency_bad_followup:
            made = self._report(rng, problem, "hotline", 8, unused, manner="again", delay=rng.randrange(6, 40) * HOUR)
            made.errors.append("emergency_bad_followup")
            made.expected = ""
            yield made
            yield Misconduct(problem.owner, "emergency_bad_followup", problem.begun_at, problem.id)
        if problem.kind.easy and rng.random() < self.switches.easy_reprocessing:
            yield from self._reprocess(rng, problem)

    def _reprocess(self, rng: Random, problem: Problem) -> Iterator[Emitted]:
        """A department finds, reports and settles the same trifle again and again."""
        unused: list[Emitted] = []
        for turn in range(rng.randrange(2, 5)):
            made = self._report(
                rng, problem, "platform", 10 + turn, unused, delay=(turn + 1) * rng.randrange(3, 9) * HOUR
            )
            made.body |= {"reporter_unit": problem.owner, "reporter_role": "department"}
            made.body["text"] += "发现后已当场处理完毕。"
            made.errors.append("easy_reprocessing")
            made.expected = ""
            yield made
        yield Misconduct(problem.owner, "easy_reprocessing", problem.begun_at, problem.id)

    def _idle(self, day: int) -> Iterator[Emitted]:
        """Complaints of a day about what nobody owns."""
        for problem in idle_problems(self.city, self.switches, self.start):
            if chance(self.city.seed, "idle complaint", problem.id, day) >= 0.4:
                continue
            rng = dice(self.city.seed, "idle report", problem.id, day)
            channel = rng.choice(("hotline", "hotline", "chat-group", "citizen-app"))
            since = day_start(self.start, day) + rng.randrange(7, 21) * HOUR - problem.begun_at
            made = self._report(rng, problem, channel, 20 + day, [], manner="again", delay=since)
            made.errors.append("ownerless_idle")
            made.expected = ""
            yield made

    # --- one record --------------------------------------------------------------------------------------------
    def _report(
        self, rng: Random, problem: Problem, channel: str, number: int, extra: list[Emitted], *,
        manner: str = "", delay: int = 0, at: Point | None = None,
    ) -> Made:  # fmt: skip
        """One telling of a problem. Injected faults of workers go to ``extra``."""
        found, sent, received = self._times(rng, problem, channel, delay)
        errors: list[str] = []
        kind = problem.kind
        true = at or problem.point
        sigma = SIGMA_M[channel] * self.switches.location_error
        point = shifted(true, rng.gauss(0, sigma), rng.gauss(0, sigma)) if sigma else true
        told_kind = kind
        if channel == "grid-worker":
            worker = self.city.responsibility_of[problem.cell].worker
            if rng.random() < self.switches.late_reports:
                late = rng.randrange(DAY, 3 * DAY)
                sent, received = sent + late, received + late
                errors.append("late_report")
                extra.append(Misconduct(worker, "late_report", sent, problem.id))
            if rng.random() < self.switches.inaccurate_reports:
                if rng.random() < 0.6:
                    angle = rng.uniform(60, 200) * (1 if rng.random() < 0.5 else -1)
                    point = shifted(point, angle, rng.uniform(-60, 60))
                    errors.append("inaccurate_place")
                else:
                    told_kind = rng.choice(kinds.ORDINARY)
                    errors.append("inaccurate_category")
                extra.append(Misconduct(worker, errors[-1], sent, problem.id))
        shown = self._shown(rng, problem, channel)
        settled = channel == "grid-worker" and kind.easy and number == 0 and rng.random() < self.switches.self_handled
        told = grammar.tell(
            rng, self.city, kind, problem.cell, channel,
            personal=self.switches.personal_details, typos=self.switches.typos, value=shown,
            manner=manner or ("laws" if problem.law_overlap and rng.random() < 0.3 else ""), settled=settled,
        )  # fmt: skip
        body = self._head(channel, problem.id, number)
        body |= {
            "occurred_at": problem.begun_at if rng.random() < 0.3 else None,
            "found_at": found,
            "sent_at": sent,
            "received_at": received,
            "lon": round(point[0], 6),
            "lat": round(point[1], 6),
            "error_m": SIGMA_M[channel] if rng.random() < 0.7 else None,
            "address": told.address,
            "place_name": told.place_name if rng.random() < 0.3 else "",
            "title": told.title,
            "text": told.text,
        }
        if shown is not None and channel in ("grid-worker", "platform", "citizen-app"):
            body["evidence"] = self._evidence(rng, problem, shown)
        made = Made(channel, body, problem.id, true, errors, self._expected(problem, body, settled), list(told.private))
        self._particulars(rng, made, problem, told_kind, settled)
        return made

    def _head(self, channel: str, problem: str, number: int) -> Body:
        system, family, letters = SYSTEMS[channel]
        return {
            "source_system": system,
            "source_ref": f"{letters}{problem}-{number:02d}",
            "source_family": family,
        }

    def _times(self, rng: Random, problem: Problem, channel: str, delay: int) -> tuple[int, int, int]:
        """Found, sent, received. Workers find in work hours, others at once or after some hours."""
        if channel == "grid-worker":
            begun_day = (problem.begun_at - self.start) // DAY
            morning = day_start(self.start, begun_day) + 8 * HOUR
            found = max(problem.begun_at, morning) + round(rng.expovariate(1 / (50 * MINUTE)))
            if (found - self.start) % DAY > 18 * HOUR:
                found = day_start(self.start, (found - self.start) // DAY + 1) + 8 * HOUR + rng.randrange(90 * MINUTE)
            sent = found + rng.randrange(1, 12) * MINUTE
        else:
            mean = 6 if problem.kind.emergency else 40 if channel == "video-ai" else 110
            found = problem.begun_at + delay + round(rng.expovariate(1 / (mean * MINUTE)))
            sent = found + rng.randrange(MINUTE, 8 * MINUTE)
        return found, sent, sent + rng.randrange(200, 20_000)

    def _shown(self, rng: Random, problem: Problem, channel: str) -> float | None:
        """The measured value as this reporter gives it, or none."""
        if problem.value is None or rng.random() < self.switches.unmeasured:
            return None
        if channel in ("grid-worker", "platform"):
            return problem.value
        return problem.value if rng.random() < (0.3 if channel == "citizen-app" else 0.08) else None

    def _evidence(self, rng: Random, problem: Problem, value: float) -> list[Body]:
        measured = problem.kind.measured
        assert measured is not None
        found = [{"measure": measured.measure, "value": value, "unit": measured.unit}]
        if problem.kind.key == "ponding":
            found.append({"measure": "area", "value": float(rng.randrange(110, 400)), "unit": "m2"})
        return found

    def _expected(self, problem: Problem, body: Body, settled: bool) -> str:
        kind = problem.kind
        if settled:
            return "logged:handled_in_grid"
        if kind.measured is None:
            return "filed"
        if kind.key in ONLY_MEASURED and "evidence" in body:
            return "logged:below_standard" if problem.below else "filed"
        return "" if problem.below or kind.key in UNSURE or "evidence" not in body else "filed"

    def _patrol(self, grid: str, found_at: int) -> str:
        """The walk on which a find was made."""
        day, within = divmod(found_at - self.start, DAY)
        return patrol_ref(day, grid, int(within >= 13 * HOUR))

    def _particulars(self, rng: Random, made: Made, problem: Problem, told: kinds.Kind, settled: bool) -> None:
        """The fields that only this channel has."""
        body, channel = made.body, made.channel
        grid = self.city.responsibility_of[problem.cell]
        community = self.city.community_of[problem.cell]
        if channel in ("grid-worker", "video-ai") or (channel in ("platform", "citizen-app") and rng.random() < 0.5):
            standard, managed, code = told.category(newer=made.received_at >= NEWER_LIST_FROM)
            body |= {"category_standard": standard, "category_kind": managed, "category_code": code}
        if rng.random() < 0.4:
            body["category_text"] = told.name
        if channel == "grid-worker":
            body |= {
                "worker_id": grid.worker,
                "reporter_role": "worker",
                "reporter_unit": community.street.office,
                "reporter_id": grid.worker,
                "grid_code": self.grid_of(problem, (body["found_at"] - self.start) // DAY),
                "self_handled": settled,
                "patrol_ref": self._patrol(grid.code, body["found_at"]),
                "photos": [f"IMG-{body['source_ref']}-{n}" for n in range(1 + settled)],
            }
            if problem.component is not None and rng.random() < 0.7:
                body["component_code"] = problem.component.code
            return
        body["appeal_type"] = rng.choice(("complaint", "help", "complaint", "accusation"))
        body["reporter_role"] = "citizen"
        body["urgent"] = problem.kind.emergency and rng.random() < 0.7
        if channel == "hotline":
            person, number = names.person(rng), names.phone(rng)
            body |= {"reporter_name": person, "reporter_phone": number, "callback_wanted": rng.random() < 0.8}
            body["area_code"] = community.code if rng.random() < 0.4 else ""
            made.private += [("name", person), ("phone", number)]
            return
        body["channel"] = channel
        if channel == "video-ai":
            body |= {"reporter_role": "device", "device_id": f"CAM-{self.city.grid_codes[problem.cell]}"}
            del body["appeal_type"]
        elif channel in ("citizen-app", "police-110") and rng.random() < 0.8:
            number = names.phone(rng)
            body["reporter_phone"] = number
            made.private.append(("phone", number))


def reports_daily(city: City, switches: Switches) -> int:
    """About how many reports of problems a day brings; shares of other reports are taken from it."""
    return round(daily(city, switches) * 1.25)
