"""How near akin are the categories of a report and a case, also where nobody could name one of them?

A classifier that abstains still says which categories came nearest. Those stand for the category: a report without one
is compared with the cases of the families of its first candidates, and a case without one keeps its own candidates.
What is praise, a mere question or a matter for others is compared with nothing, and so is an emergency that nobody
could name: it is never lost in another case.
"""

from __future__ import annotations

from pipeline.domain.reference.rows import CategoryKey
from pipeline.events.intake import Classification, LocatedReport
from pipeline.stages.duplicate_policy import DuplicatePolicy, Known

SEPARATOR = "|"
KEEP_LIKELY = 2
"""Candidates that stand for a category: in nearly all abstentions the true one is among the first two."""
NO_HANDLING = ("consult", "suggestion")
"""Kinds of appeal that ask for an answer and not for a handling."""


def likely_of(about: Classification) -> tuple[str, ...]:
    """The candidates that stand for the category of a report without one, the likeliest first."""
    if about.code:
        return ()
    return tuple([one.key for one in about.candidates[:KEEP_LIKELY] if one.key.count(SEPARATOR) == 2])


def families_of(located: LocatedReport, policy: DuplicatePolicy) -> tuple[str, ...]:
    """Families of the cases that may be the same problem; "" is that of the cases without a category."""
    about = located.classification
    if policy.model is not None:  # it has learned nothing of cases without a category
        return tuple(dict.fromkeys((about.family, *policy.model.families))) if about.family else ()
    if about.family:
        return (about.family, "")
    if not _may_join(located):
        return ()
    found = [policy.families.get(key, "") for key in likely_of(about)]
    return tuple(dict.fromkeys((*found, ""))) if found else ()


def _may_join(located: LocatedReport) -> bool:
    about = located.classification
    asks = about.nature != "praise" and located.report.appeal_type not in NO_HANDLING and not about.referral
    return asks and about.case_class != "emergency"


def kinship(located: LocatedReport, known: Known, policy: DuplicatePolicy) -> float | None:
    """Log-odds for what the categories say; ``None`` when they have nothing to do with each other."""
    about, weights = located.classification, policy.weights
    if about.code and known.code:
        same = policy.one_kind((about.standard, about.kind, about.code), (known.standard, known.kind, known.code))
        return weights.code if same else 0.0
    mine, theirs = _named(about, policy), _named_of(known, policy)
    if not mine or not theirs:
        return None
    if mine[0] == theirs[0]:
        return weights.likely
    return weights.thinkable if not set(mine).isdisjoint(theirs) else None


def _named(about: Classification, policy: DuplicatePolicy) -> list[CategoryKey]:
    if about.code:
        return [_newest((about.standard, about.kind, about.code), policy)]
    return [_newest(_key(text), policy) for text in likely_of(about)]


def _named_of(known: Known, policy: DuplicatePolicy) -> list[CategoryKey]:
    if known.code:
        return [_newest((known.standard, known.kind, known.code), policy)]
    return [_newest(_key(text), policy) for text in known.likely]


def _newest(key: CategoryKey, policy: DuplicatePolicy) -> CategoryKey:
    return policy.one.get(key, key)


def _key(text: str) -> CategoryKey:
    standard, kind, code = text.split(SEPARATOR)
    return standard, kind, code
