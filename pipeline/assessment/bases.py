"""What indicators may be written over: the views, their columns, and the dimensions each can be grouped by.

The columns are those of ``schemas/clickhouse/0002_views.sql``; a test holds the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass

NONE, DAY = "none", "day"
AREAS = ("city", "district", "street", "community", "grid")
DIMENSIONS = ("department", *AREAS, "channel", "family", "class", DAY)
"""What figures can be grouped by and narrowed to (a day only grouped by)."""
_COLUMN = {"class": "case_class"}


@dataclass(frozen=True, slots=True)
class Base:
    """One view: its rows are what is counted. ``key`` names a row, ``columns`` are all that expressions may use."""

    view: str
    key: str
    columns: frozenset[str]

    def has(self, dimension: str) -> bool:
        """Whether rows of this view can be told apart by a dimension."""
        return dimension in (NONE, DAY) or column_of(dimension) in self.columns


def column_of(dimension: str) -> str:
    """The column that holds a dimension."""
    return _COLUMN.get(dimension, dimension)


def _base(view: str, key: str, columns: str) -> Base:
    return Base(view, key, frozenset(columns.split()))


BASES = {
    "cases": _base(
        "case_status_at", "case_id",
        """
        case_id tile report_id channel waits_for standard kind code family nature case_class class_rule filing_rule
        begun_at opened_at lon lat city district street community grid grid_version zone component_code component_owner
        border_flags border recurrence_of repeat_complaint_of reference_version department first_department person team
        urgent clock limit_value hops departments dispatched_at last_dispatched_at due_original_at due_at state
        state_since open suspended closed merged filed_at filed signed_at first_handled_at handled_at finished_at
        finished checked_at check_passed_at checks reworks refusals reassignments extensions suspensions suspended_at
        closed_at merged_into reports reports_linked reminders feedback recurred_at as_of on_time on_time_original
        handled_late overdue_open due_cohort_at recurred_30d handling_hours age_days opened_day closed_day
        """,
    ),
    "reports": _base(
        "report_status_at", "report_id",
        """
        report_id case_id channel source_system source_family fate outcome occurred_at found_at received_at lon lat
        error_m place_method city district street community grid standard kind code family case_class confidence method
        reporter_role reporter_unit flags department filed valid
        """,
    ),
    "assignments": _base(
        "assignment_status_at", "assignment_id",
        """
        assignment_id case_id hop assigned_at department person team due_at street grid case_class channel family city
        district community refused_at refused refusal_reason taken first handed_on
        """,
    ),
    "surveys": _base(
        "survey_status_at", "survey_id",
        """
        survey_id case_id report_id answered_at contacted solved satisfaction answered department channel family
        case_class city district street community grid
        """,
    ),
    "patrols": _base(
        "patrol_status_at", "patrol_id",
        "patrol_id worker department grid started_at ended_at hours distance_m found",
    ),
    "outcomes": _base(
        "outcome_status_at", "outcome_id",
        "outcome_id counted_at channel fate outcome records samples derived",
    ),
}  # fmt: skip
"""The bases by the name the catalogue uses."""
