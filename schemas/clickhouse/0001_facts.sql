-- Tables of the facts: one per kind, the same columns as the fact. ReplacingMergeTree collapses what a replay
-- writes again (same ids); read with FINAL. Times are UTC. Comments say what a row is.

CREATE TABLE IF NOT EXISTS wangge.reports
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    report_id String,
    channel LowCardinality(String),
    source_system LowCardinality(String),
    source_ref String,
    source_family LowCardinality(String),
    fate LowCardinality(String),
    outcome LowCardinality(String),
    reason String,
    rule LowCardinality(String),
    case_id String,
    tile String,
    occurred_at Nullable(DateTime64(3, 'UTC')),
    found_at Nullable(DateTime64(3, 'UTC')),
    sent_at Nullable(DateTime64(3, 'UTC')),
    received_at DateTime64(3, 'UTC'),
    lon Nullable(Float64),
    lat Nullable(Float64),
    error_m Nullable(Float64),
    address String,
    place_method LowCardinality(String),
    city LowCardinality(String),
    district LowCardinality(String),
    street LowCardinality(String),
    community LowCardinality(String),
    grid String,
    grid_version LowCardinality(String),
    systems Array(String),
    zone LowCardinality(String),
    standard LowCardinality(String),
    kind LowCardinality(String),
    code LowCardinality(String),
    family LowCardinality(String),
    nature LowCardinality(String),
    confidence Float64,
    method LowCardinality(String),
    case_class LowCardinality(String),
    class_rule LowCardinality(String),
    class_reason String,
    appeal_type LowCardinality(String),
    reporter_key String,
    reporter_role LowCardinality(String),
    reporter_unit LowCardinality(String),
    address_key String,
    component_code String,
    border_flags Array(String),
    border_m Nullable(Float64),
    evidence Array(String),
    flags Array(String),
    title String,
    text String
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'What became of one report: its fate, the reason, and all that was decided on the way (no personal data).';

CREATE TABLE IF NOT EXISTS wangge.cases
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    case_id String,
    tile String,
    report_id String,
    channel LowCardinality(String),
    state LowCardinality(String),
    waits_for LowCardinality(String),
    standard LowCardinality(String),
    kind LowCardinality(String),
    code LowCardinality(String),
    family LowCardinality(String),
    nature LowCardinality(String),
    case_class LowCardinality(String),
    class_rule LowCardinality(String),
    class_reason String,
    filing_rule LowCardinality(String),
    filing_reason String,
    measured Nullable(Float64),
    unit LowCardinality(String),
    begun_at DateTime64(3, 'UTC'),
    lon Nullable(Float64),
    lat Nullable(Float64),
    city LowCardinality(String),
    district LowCardinality(String),
    street LowCardinality(String),
    community LowCardinality(String),
    grid String,
    grid_version LowCardinality(String),
    zone LowCardinality(String),
    component_code String,
    component_owner LowCardinality(String),
    border_flags Array(String),
    recurrence_of String,
    repeat_complaint_of String,
    reference_version LowCardinality(String)
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'A case was opened (立案, or waiting before filing), at is when. It holds the rules it was filed under.';

CREATE TABLE IF NOT EXISTS wangge.assignments
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    case_id String,
    tile String,
    department LowCardinality(String),
    assistants Array(String),
    person LowCardinality(String),
    team LowCardinality(String),
    hop Int64,
    urgent Bool,
    standard LowCardinality(String),
    kind LowCardinality(String),
    code LowCardinality(String),
    case_class LowCardinality(String),
    due_at Nullable(DateTime64(3, 'UTC')),
    limit_value Int64,
    clock LowCardinality(String),
    duty LowCardinality(String),
    reason String,
    candidates Array(String),
    legal_basis String,
    law_overlap Bool,
    street LowCardinality(String),
    grid String,
    lon Nullable(Float64),
    lat Nullable(Float64),
    address String,
    summary String
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'A case was assigned (派遣): the assignment that a department reads. candidates are the others considered.';

CREATE TABLE IF NOT EXISTS wangge.case_moves
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    case_id String,
    tile String,
    action LowCardinality(String),
    from_state LowCardinality(String),
    to_state LowCardinality(String),
    actor_role LowCardinality(String),
    actor_unit LowCardinality(String),
    actor_person String,
    post LowCardinality(String),
    department LowCardinality(String),
    reason_code LowCardinality(String),
    reason String,
    hop Int64,
    due_at Nullable(DateTime64(3, 'UTC'))
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'A case changed state by an action of a person or the system.';

CREATE TABLE IF NOT EXISTS wangge.case_merges
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    case_id String,
    tile String,
    into String,
    distance_m Float64,
    gap_ms Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'Two tiles had filed the same problem: the later filed (then the greater id) became part of the earlier.';

CREATE TABLE IF NOT EXISTS wangge.report_links
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    report_id String,
    case_id String,
    tile String,
    case_tile String,
    how LowCardinality(String),
    distance_m Nullable(Float64),
    gap_ms Int64,
    similarity Float64,
    score Float64,
    rule LowCardinality(String),
    reporter_key String,
    channel LowCardinality(String)
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'A report became part of an open case, nothing is deleted and its reporter still hears the outcome.';

CREATE TABLE IF NOT EXISTS wangge.boundaries
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    report_id String,
    case_id String,
    tile String,
    flags Array(String),
    layers Array(String),
    codes Array(String),
    distances_m Array(Float64),
    probabilities Array(Float64),
    lead LowCardinality(String)
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'A case lies at a border: its kinds, the candidates and the named lead that answers meanwhile.';

CREATE TABLE IF NOT EXISTS wangge.alarms
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    alarm_id String,
    device_id LowCardinality(String),
    device_kind LowCardinality(String),
    metric LowCardinality(String),
    change LowCardinality(String),
    alarm_type LowCardinality(String),
    severity LowCardinality(String),
    value Float64,
    limit Float64,
    unit LowCardinality(String),
    period_start DateTime64(3, 'UTC'),
    period_end DateTime64(3, 'UTC'),
    limit_id LowCardinality(String),
    standard LowCardinality(String),
    exceedances Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'An alarm of a device was raised, updated or cleared. One alarm is active per device and kind.';

CREATE TABLE IF NOT EXISTS wangge.feedback
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    case_id String,
    tile String,
    report_id String,
    state LowCardinality(String),
    department LowCardinality(String),
    message String
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'The source of a report is told how its case ended (反馈), one for each report of the case.';

CREATE TABLE IF NOT EXISTS wangge.actions_refused
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    action_id String,
    case_id String,
    tile String,
    action LowCardinality(String),
    state LowCardinality(String),
    actor_role LowCardinality(String),
    actor_unit LowCardinality(String),
    reason String
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'An action that the state machine or the separation of powers does not allow, nothing changed.';

CREATE TABLE IF NOT EXISTS wangge.patrols
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    worker LowCardinality(String),
    unit LowCardinality(String),
    grid String,
    started_at DateTime64(3, 'UTC'),
    ended_at DateTime64(3, 'UTC'),
    distance_m Float64,
    found Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'A patrol visit (巡查): tells a clean grid from a grid nobody walked.';

CREATE TABLE IF NOT EXISTS wangge.tasks
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    task_id String,
    worker LowCardinality(String),
    unit LowCardinality(String),
    grid String,
    task_type LowCardinality(String),
    acting_as LowCardinality(String),
    minutes Float64,
    items Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'Work that is no case (information collection, service visits, temporary tasks), counts as workload only.';

CREATE TABLE IF NOT EXISTS wangge.staff_changes
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    person LowCardinality(String),
    unit LowCardinality(String),
    post LowCardinality(String),
    grid String,
    change LowCardinality(String),
    successor String
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'A post was filled, left vacant or handed over.';

CREATE TABLE IF NOT EXISTS wangge.surveys
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    survey_id String,
    case_id String,
    report_id String,
    contacted Nullable(Bool),
    solved Nullable(Bool),
    satisfaction LowCardinality(String),
    department LowCardinality(String)
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'A citizens answer to a follow-up (回访), by case when it names one.';

CREATE TABLE IF NOT EXISTS wangge.ratings
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    rating_id String,
    rater LowCardinality(String),
    subject_kind LowCardinality(String),
    subject LowCardinality(String),
    measure LowCardinality(String),
    score Float64,
    scale_max Float64
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'A rating from outside: media, opinion, survey, mystery inspection (外评价).';

CREATE TABLE IF NOT EXISTS wangge.calls
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    hotline LowCardinality(String),
    period_start DateTime64(3, 'UTC'),
    period_end DateTime64(3, 'UTC'),
    incoming Int64,
    answered Int64,
    answered_15s Int64,
    abandoned Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'Calls of a hotline in a period: taken, answered, answered within 15 s, abandoned.';

CREATE TABLE IF NOT EXISTS wangge.quarantine
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    topic LowCardinality(String),
    partition Int64,
    offset Int64,
    schema LowCardinality(String),
    reason String,
    field LowCardinality(String),
    value String,
    remedy String,
    attempts Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'A record that broke its contract, kept with its bytes so that it can be mended and sent again.';

CREATE TABLE IF NOT EXISTS wangge.outcomes
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    channel LowCardinality(String),
    fate LowCardinality(String),
    outcome LowCardinality(String),
    records Int64,
    samples Int64,
    derived Bool
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'How many records of one channel ended in one way within one batch of the log, the counts that reconcile.';

CREATE TABLE IF NOT EXISTS wangge.readings
(
    device_id LowCardinality(String),
    metric LowCardinality(String),
    at DateTime64(3, 'UTC'),
    value Float64,
    unit LowCardinality(String),
    flags LowCardinality(String),
    received_at DateTime64(3, 'UTC'),
    recorded Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (device_id, metric, at)
COMMENT 'One reading of a device, in the unit of its limits.';
