"""Categories and emergencies of a simulated city, judged against its truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from pipeline.domain.models import Models
from pipeline.evaluation.measures import ece, score, surest, wilson
from pipeline.evaluation.report import DEFAULT, EvaluateRequest, Report, warn_if_known
from pipeline.evaluation.simulated import Row, Simulated, open_simulated, truth_rows
from pipeline.events.base import Channel, Millis
from pipeline.events.intake import Classification, ScreenedReport
from pipeline.learning.modelfile import Card
from pipeline.stages.file import COMPARE

GRACE: Millis = 2 * 3_600_000
"""How long after the end of an episode its alarm may still come (late readings)."""
BATCH = 2_000


class Judged(NamedTuple):
    """A report, what it was taken for, and its true problem (none for a drill, thanks or a matter for others)."""

    report: ScreenedReport
    about: Classification
    problem: Row | None

    @property
    def right(self) -> bool:
        """Whether the category is the true one, under either national list in force."""
        key = "|".join((self.about.standard, self.about.kind, self.about.code))
        return self.problem is not None and key in _keys(self.problem)

    @property
    def emergency(self) -> bool:
        """Whether it was taken for an emergency."""
        return self.about.case_class == "emergency"

    @property
    def truly(self) -> bool:
        """Whether it is an emergency."""
        return self.problem is not None and self.problem["emergency"] == "1"


def _keys(problem: Row) -> tuple[str, str]:
    own = "|".join((problem["standard"], problem["category_kind"], problem["code"]))
    return own, problem["other_category"]


def evaluate_simulated(request: EvaluateRequest, models: Models, card: Card | None) -> Report:
    """Measure intake on a folder of ``wangge simulate``. Raises ``ConfigFaults``."""
    city = open_simulated(request.path, models)
    request.say("reading the inputs of the city through intake")
    judged = list(_judged(city))
    judged = judged[int(request.after * len(judged)) :]
    people = [one for one in judged if one.report.channel != Channel.ALARM]
    known = [one for one in people if one.problem is not None]
    words = [one for one in known if one.about.method not in ("code", "component", "source_category")]
    report = Report(
        task="classification", dataset="simulated", model=card.version if card else DEFAULT, rows=len(known), figures={}
    )
    _categories(report, known, words)
    _emergencies(report, [one for one in people if not one.report.drill])
    _alarms(report, city, [one for one in judged if one.report.channel == Channel.ALARM])
    report.slices["channel"] = _by(known, lambda one: str(one.report.channel))
    report.slices["method"] = _by(known, lambda one: one.about.method)
    warn_if_known(report, card, [one.report.report_id for one in judged])
    return report


def _judged(city: Simulated) -> Iterable[Judged]:
    reports = iter(city.screened())
    while batch := list(islice(reports, BATCH)):
        about = city.topology.classifier.classify_many(batch)
        yield from (Judged(report, one, city.problem_of(report)) for report, one in zip(batch, about, strict=True))


def _share(report: Report, name: str, hits: int, of: int) -> None:
    report.figures[name] = hits / of if of else 0.0
    report.intervals[name] = wilson(hits, of)


def _categories(report: Report, known: Sequence[Judged], words: Sequence[Judged]) -> None:
    """How many get a category, how many of those the right one; ``text_`` where only words could tell."""
    for name, rows in (("", known), ("text_", words)):
        taken = [one for one in rows if one.about.code]
        _share(report, f"{name}coverage", len(taken), len(rows))
        _share(report, f"{name}accuracy", sum(one.right for one in taken), len(taken))
    sure = [one.about.confidence for one in words]
    right = [one.right for one in words]
    report.figures |= {"text_ece": ece(sure, right), "text_surest_80": surest(sure, right, 0.8)}


def _emergencies(report: Report, rows: Sequence[Judged]) -> None:
    """Emergencies by report and by problem; a false one is an ordinary matter treated as one (drills apart)."""
    truly = [one for one in rows if one.truly]
    found = [one for one in rows if one.emergency]
    hits = sum(one.emergency for one in truly)
    _share(report, "emergency_recall", hits, len(truly))
    _share(report, "emergency_precision", sum(one.truly for one in found), len(found))
    report.figures["emergency_missed"] = len(truly) - hits
    report.figures["emergency_false"] = sum(not one.truly for one in found)
    seen: dict[str, bool] = defaultdict(bool)
    for one in truly:
        seen[one.problem["problem"] if one.problem else ""] |= one.emergency
    report.figures["emergency_problems_missed"] = sum(not met for met in seen.values())
    kinds = Counter(one.problem["kind"] for one in truly if one.problem)
    told = Counter(one.problem["kind"] for one in truly if one.problem and one.emergency)
    for kind, count in sorted(kinds.items()):
        report.per_class[kind] = {"reports": count, "recall": told[kind] / count}
    rules = Counter((one.about.class_rule, one.truly) for one in found)
    report.slices["rule"] = {
        rule: {"right": rules[rule, True], "false": rules[rule, False]} for rule in sorted({rule for rule, _ in rules})
    }


def _alarms(report: Report, city: Simulated, alarms: Sequence[Judged]) -> None:
    """Episodes that reach a limit of the highest severity must raise an alarm that is an emergency, and no others."""
    critical = [row for row in city.topology.reference.tables.sensor_limits if row.severity == "critical"]
    zones = {row.device_id: row.zone for row in city.topology.reference.tables.devices}
    told: dict[str, list[Millis]] = defaultdict(list)
    for one in alarms:
        if one.emergency:
            told[one.report.device_id].append(one.report.received_at)
    wanted = hits = 0
    for row in truth_rows(city.folder / "truth" / "episodes.csv"):
        fitting = ("*", zones.get(row["device_id"]))
        limits = [one for one in critical if one.metric == row["metric"] and one.zone in fitting]
        if any(COMPARE[one.operator](float(row["peak"] or 0), one.limit) for one in limits):
            begun, ended = int(row["begun_at"]), int(row["ended_at"])
            wanted += 1
            hits += any(begun <= at <= ended + GRACE for at in told[row["device_id"]])
    _share(report, "sensor_emergency_recall", hits, wanted)
    report.figures["sensor_emergencies"] = wanted


def _by(rows: Sequence[Judged], key: Callable[[Judged], str]) -> dict[str, dict[str, float]]:
    parts: dict[str, list[Judged]] = defaultdict(list)
    for one in rows:
        parts[key(one)].append(one)
    found = {}
    for name, part in sorted(parts.items()):
        taken = [one for one in part if one.about.code]
        right = sum(one.right for one in taken)
        low, high = wilson(right, len(taken))
        found[name] = {
            "rows": len(part), "coverage": len(taken) / len(part), "accuracy": score(right, len(taken), 1).precision,
            "low": low, "high": high,
        }  # fmt: skip
    return found
