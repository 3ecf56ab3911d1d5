"""Rows of the reference tables: one frozen struct per table, named as the columns are.

Promises shared by all rows:

* ``valid_from`` and ``valid_to`` are milliseconds UTC, half open ``[from, to)``; a blank cell is open ended.
* Longitudes and latitudes are degrees WGS-84/CGCS2000 unless the city file names another datum.
* ``confidence`` says how far a row may be trusted: ``sourced``, ``adopted`` (a local rule taken as the default),
  ``proposal`` (a starting value of this project), ``unverified`` or ``example``.
* A category is named by three columns, ``standard``, ``kind`` and ``code``: the newer standard gives components and
  matters the same numbers, so no two of them are enough.
"""

from pipeline.domain.reference.base import (
    BEGIN,
    END,
    EXTENSION,
    GBT_30428_2,
    GBT_47678_5,
    AlarmType,
    CaseClass,
    CategoryKey,
    Confidence,
    ManagedKind,
    Nature,
    ProblemDomain,
    Row,
)
from pipeline.domain.reference.places import (
    Area,
    BorderRule,
    City,
    Component,
    Department,
    Device,
    Duty,
    GridKind,
    GridSystem,
    Person,
    Post,
    PracticeSpot,
    Team,
)
from pipeline.domain.reference.rules import (
    AqiBreakpoint,
    Category,
    ClassRule,
    EmergencyWord,
    FilingStandard,
    HotlineSubject,
    LexiconEntry,
    ReasonCode,
    ReferralRule,
    SensorLimit,
    SourceCategory,
    StageLimit,
    State,
    Transition,
    Weight,
)

__all__ = [
    "BEGIN",
    "END",
    "EXTENSION",
    "GBT_30428_2",
    "GBT_47678_5",
    "AlarmType",
    "AqiBreakpoint",
    "Area",
    "BorderRule",
    "CaseClass",
    "Category",
    "CategoryKey",
    "City",
    "ClassRule",
    "Component",
    "Confidence",
    "Department",
    "Device",
    "Duty",
    "EmergencyWord",
    "FilingStandard",
    "GridKind",
    "GridSystem",
    "HotlineSubject",
    "LexiconEntry",
    "ManagedKind",
    "Nature",
    "Person",
    "Post",
    "PracticeSpot",
    "ProblemDomain",
    "ReasonCode",
    "ReferralRule",
    "Row",
    "SensorLimit",
    "SourceCategory",
    "StageLimit",
    "State",
    "Team",
    "Transition",
    "Weight",
]
