-- Views for assessment. They read facts with FINAL and count by derived ids, so rows that a replay writes again change
-- nothing. Each "..._at" view takes a parameter as_of (UTC): only facts with at <= as_of count, and "now" is the earlier
-- of as_of and the latest fact; no wall clock is read. The plain views of the same names show the latest state.
-- All times are UTC; columns ending in _day are civil days in Asia/Shanghai (queries that need another zone derive
-- the day from the time). An assignment to manual-triage is waiting for a person and is no dispatch.

CREATE OR REPLACE VIEW wangge.latest AS
SELECT max(latest) AS at FROM
(
    SELECT max(at) AS latest FROM wangge.reports
    UNION ALL SELECT max(at) FROM wangge.cases
    UNION ALL SELECT max(at) FROM wangge.assignments
    UNION ALL SELECT max(at) FROM wangge.case_moves
    UNION ALL SELECT max(at) FROM wangge.surveys
    UNION ALL SELECT max(at) FROM wangge.patrols
);

-- One row a case. finished_at is the last handling that no failed check came after. due_cohort_at puts a case into the
-- cohort 应处置: the handling when it came before the limit, else the limit; null when nothing can be said (no limit, not due
-- yet, suspended, merged, cancelled, not filed, or closed by force before it was due).
CREATE OR REPLACE VIEW wangge.case_status_at AS
SELECT
    *,
    finished_at <= due_at AS on_time,
    finished_at <= due_original_at AS on_time_original,
    finished_at > due_at AS handled_late,
    open AND NOT suspended AND finished_at IS NULL AND due_at < as_of AS overdue_open,
    multiIf(
        due_at IS NULL OR NOT filed OR suspended OR state IN ('merged', 'cancelled', 'not_filed'), NULL,
        state = 'force_closed' AND finished_at IS NULL AND state_since < due_at, NULL,
        finished_at < due_at, finished_at,
        due_at <= as_of, due_at,
        finished_at IS NOT NULL, finished_at,
        NULL) AS due_cohort_at,
    recurred_at IS NOT NULL AND closed_at IS NOT NULL AND recurred_at <= closed_at + toIntervalDay(30) AS recurred_30d,
    if(dispatched_at IS NULL, NULL, (toUnixTimestamp64Milli(coalesce(finished_at, if(open, NULL, state_since), as_of))
        - toUnixTimestamp64Milli(dispatched_at)) / 3600000) AS handling_hours,
    (toUnixTimestamp64Milli(if(open, as_of, state_since)) - toUnixTimestamp64Milli(opened_at)) / 86400000 AS age_days,
    toDate(opened_at, 'Asia/Shanghai') AS opened_day,
    toDate(closed_at, 'Asia/Shanghai') AS closed_day
FROM
(
    SELECT
        c.case_id AS case_id,
        c.tile AS tile,
        c.report_id AS report_id,
        c.channel AS channel,
        c.waits_for AS waits_for,
        c.standard AS standard,
        c.kind AS kind,
        c.code AS code,
        c.family AS family,
        c.nature AS nature,
        c.case_class AS case_class,
        c.class_rule AS class_rule,
        c.filing_rule AS filing_rule,
        c.begun_at AS begun_at,
        c.at AS opened_at,
        c.lon AS lon,
        c.lat AS lat,
        c.city AS city,
        c.district AS district,
        c.street AS street,
        c.community AS community,
        c.grid AS grid,
        c.grid_version AS grid_version,
        c.zone AS zone,
        c.component_code AS component_code,
        c.component_owner AS component_owner,
        c.border_flags AS border_flags,
        notEmpty(c.border_flags) AS border,
        c.recurrence_of AS recurrence_of,
        c.repeat_complaint_of AS repeat_complaint_of,
        c.reference_version AS reference_version,
        a.last_department AS department,
        a.first_department AS first_department,
        a.last_person AS person,
        a.last_team AS team,
        a.any_urgent AS urgent,
        a.last_clock AS clock,
        a.last_limit_value AS limit_value,
        a.hops AS hops,
        a.departments AS departments,
        a.dispatched_at AS dispatched_at,
        a.last_dispatched_at AS last_dispatched_at,
        a.due_original_at AS due_original_at,
        if(a.due_ms >= m.due_ms, a.last_due_at, m.last_due_at) AS due_at,
        if(m.moves > 0, m.state, c.state) AS state,
        if(m.moves > 0, m.state_since, c.at) AS state_since,
        state NOT IN ('not_filed', 'closed', 'force_closed', 'cancelled', 'merged') AS open,
        state = 'suspended' AS suspended,
        state = 'closed' AS closed,
        state = 'merged' AS merged,
        if(c.state = 'dispatched', c.at, m.filed_at) AS filed_at,
        filed_at IS NOT NULL AS filed,
        m.signed_at AS signed_at,
        m.first_handled_at AS first_handled_at,
        m.handled_at AS handled_at,
        if(m.failed_at >= m.handled_at, NULL, m.handled_at) AS finished_at,
        finished_at IS NOT NULL AS finished,
        m.checked_at AS checked_at,
        m.check_passed_at AS check_passed_at,
        m.checks AS checks,
        m.reworks AS reworks,
        m.refusals AS refusals,
        m.reassignments AS reassignments,
        m.extensions AS extensions,
        m.suspensions AS suspensions,
        m.suspended_at AS suspended_at,
        if(open, NULL, m.closed_at) AS closed_at,
        o.into_case AS merged_into,
        1 + o.links AS reports,
        o.links AS reports_linked,
        o.all_reminders AS reminders,
        o.all_feedback AS feedback,
        o.first_back_at AS recurred_at,
        least({as_of:DateTime64(3, 'UTC')}, (SELECT at FROM wangge.latest)) AS as_of
    FROM (SELECT * FROM wangge.cases FINAL WHERE at <= {as_of:DateTime64(3, 'UTC')}) AS c
    LEFT JOIN
    (
        SELECT
            case_id,
            argMax(department, hop) AS last_department,
            argMinIf(department, hop, department != 'manual-triage') AS first_department,
            argMax(person, hop) AS last_person,
            argMax(team, hop) AS last_team,
            max(urgent) AS any_urgent,
            argMax(clock, hop) AS last_clock,
            argMax(limit_value, hop) AS last_limit_value,
            countIf(department != 'manual-triage') AS hops,
            uniqExactIf(department, department != 'manual-triage') AS departments,
            minOrNullIf(at, department != 'manual-triage') AS dispatched_at,
            maxOrNullIf(at, department != 'manual-triage') AS last_dispatched_at,
            argMin(due_at, hop) AS due_original_at,
            argMax(due_at, hop) AS last_due_at,
            maxIf(toUnixTimestamp64Milli(at), due_at IS NOT NULL) AS due_ms
        FROM wangge.assignments FINAL
        WHERE at <= {as_of:DateTime64(3, 'UTC')}
        GROUP BY case_id
    ) AS a ON a.case_id = c.case_id
    LEFT JOIN
    (
        SELECT
            case_id,
            count() AS moves,
            argMax(to_state, place + bitShiftLeft(toUInt128(to_state IN ('not_filed', 'closed', 'force_closed', 'cancelled', 'merged')), 120)) AS state,
            max(at) AS state_since,
            minOrNullIf(at, action IN ('file', 'dispatch')) AS filed_at,
            minOrNullIf(at, action = 'sign') AS signed_at,
            minOrNullIf(at, action = 'handle') AS first_handled_at,
            maxOrNullIf(at, action = 'handle') AS handled_at,
            maxOrNullIf(at, action IN ('check_fail', 'reopen')) AS failed_at,
            maxOrNullIf(at, action IN ('check_pass', 'check_fail')) AS checked_at,
            maxOrNullIf(at, action = 'check_pass') AS check_passed_at,
            countIf(action IN ('check_pass', 'check_fail')) AS checks,
            countIf(action IN ('check_fail', 'reopen')) AS reworks,
            countIf(action = 'refuse') AS refusals,
            countIf(action = 'reassign' AND actor_role != 'system') AS reassignments,
            countIf(action = 'extend') AS extensions,
            countIf(action = 'suspend') AS suspensions,
            maxOrNullIf(at, action = 'suspend') AS suspended_at,
            maxOrNullIf(at, to_state IN ('closed', 'force_closed')) AS closed_at,
            argMax(due_at, place) AS last_due_at,
            maxIf(toUnixTimestamp64Milli(at), due_at IS NOT NULL) AS due_ms
        FROM
        (
            -- place: time, then order of the log, then length of the id (what the system adds to a move has a longer id)
            SELECT *, bitShiftLeft(toUInt128(toUnixTimestamp64Milli(at)), 72)
                + bitShiftLeft(toUInt128(recorded), 8) + least(length(fact_id), 255) AS place
            FROM wangge.case_moves FINAL
        )
        WHERE at <= {as_of:DateTime64(3, 'UTC')}
        GROUP BY case_id
    ) AS m ON m.case_id = c.case_id
    LEFT JOIN
    (
        -- what is rare or merely counted comes in one join
        SELECT
            case_id,
            sum(link) AS links,
            sum(reminder) AS all_reminders,
            sum(told) AS all_feedback,
            minOrNull(back_at) AS first_back_at,
            max(into) AS into_case
        FROM
        (
            SELECT case_id, 1 AS link, how = 'reminder' AS reminder, 0 AS told, NULL::Nullable(DateTime64(3, 'UTC')) AS back_at, '' AS into
            FROM wangge.report_links FINAL
            WHERE at <= {as_of:DateTime64(3, 'UTC')}
            UNION ALL
            SELECT case_id, 0, 0, 1, NULL, ''
            FROM wangge.feedback FINAL
            WHERE at <= {as_of:DateTime64(3, 'UTC')}
            UNION ALL
            SELECT case_id, 0, 0, 0, NULL, into
            FROM wangge.case_merges FINAL
            WHERE at <= {as_of:DateTime64(3, 'UTC')}
            UNION ALL
            SELECT arrayJoin(arrayFilter(x -> x != '', arrayDistinct([recurrence_of, repeat_complaint_of]))), 0, 0, 0, at, ''
            FROM wangge.cases FINAL
            WHERE at <= {as_of:DateTime64(3, 'UTC')} AND (recurrence_of != '' OR repeat_complaint_of != '')
        )
        GROUP BY case_id
    ) AS o ON o.case_id = c.case_id
);

CREATE OR REPLACE VIEW wangge.case_status AS
SELECT * FROM wangge.case_status_at(as_of = '2200-01-01 00:00:00');

-- One row a report that was settled, with the department that has its case and what became of that case's filing.
CREATE OR REPLACE VIEW wangge.report_status_at AS
SELECT
    r.report_id AS report_id,
    r.case_id AS case_id,
    r.channel AS channel,
    r.source_system AS source_system,
    r.source_family AS source_family,
    r.fate AS fate,
    r.outcome AS outcome,
    r.occurred_at AS occurred_at,
    r.found_at AS found_at,
    r.received_at AS received_at,
    r.lon AS lon,
    r.lat AS lat,
    r.error_m AS error_m,
    r.place_method AS place_method,
    r.city AS city,
    r.district AS district,
    r.street AS street,
    r.community AS community,
    r.grid AS grid,
    r.standard AS standard,
    r.kind AS kind,
    r.code AS code,
    r.family AS family,
    r.case_class AS case_class,
    r.confidence AS confidence,
    r.method AS method,
    r.reporter_role AS reporter_role,
    r.reporter_unit AS reporter_unit,
    r.flags AS flags,
    a.last_department AS department,
    r.fate = 'filed' AND NOT m.declined AND (r.outcome = 'dispatched' OR m.accepted) AS filed,
    NOT m.declined AND (r.fate IN ('filed', 'linked') OR r.outcome = 'handled_in_grid') AS valid
FROM (SELECT * FROM wangge.reports FINAL WHERE at <= {as_of:DateTime64(3, 'UTC')}) AS r
LEFT JOIN
(
    SELECT case_id, argMax(department, hop) AS last_department
    FROM wangge.assignments FINAL
    WHERE at <= {as_of:DateTime64(3, 'UTC')}
    GROUP BY case_id
) AS a ON a.case_id = r.case_id
LEFT JOIN
(
    SELECT case_id, max(action = 'decline') AS declined, max(action IN ('file', 'dispatch')) AS accepted
    FROM wangge.case_moves FINAL
    WHERE at <= {as_of:DateTime64(3, 'UTC')} AND action IN ('decline', 'file', 'dispatch')
    GROUP BY case_id
) AS m ON m.case_id = r.case_id;

CREATE OR REPLACE VIEW wangge.report_status AS
SELECT * FROM wangge.report_status_at(as_of = '2200-01-01 00:00:00');

-- One row an assignment to a department (a dispatch): whether it is the first of its case, whether the department took it
-- (signed for or handled), refused it, and whether the case went on to another.
CREATE OR REPLACE VIEW wangge.assignment_status_at AS
SELECT
    a.fact_id AS assignment_id,
    a.case_id AS case_id,
    a.hop AS hop,
    a.at AS assigned_at,
    a.department AS department,
    a.person AS person,
    a.team AS team,
    a.due_at AS due_at,
    a.street AS street,
    a.grid AS grid,
    a.case_class AS case_class,
    c.channel AS channel,
    c.family AS family,
    c.city AS city,
    c.district AS district,
    c.community AS community,
    m.refused_at AS refused_at,
    m.refused_at IS NOT NULL AS refused,
    m.taken > 0 AS taken,
    a.hop = h.first_hop AS first,
    a.hop < h.last_hop AS handed_on,
    m.refusal_code AS refusal_reason
FROM
(
    SELECT * FROM wangge.assignments FINAL
    WHERE at <= {as_of:DateTime64(3, 'UTC')} AND department != 'manual-triage'
) AS a
LEFT JOIN (SELECT case_id, channel, family, city, district, community FROM wangge.cases FINAL) AS c ON c.case_id = a.case_id
LEFT JOIN
(
    SELECT case_id, hop, countIf(action != 'refuse') AS taken, minOrNullIf(at, action = 'refuse') AS refused_at,
        argMinIf(reason_code, at, action = 'refuse') AS refusal_code
    FROM wangge.case_moves FINAL
    WHERE at <= {as_of:DateTime64(3, 'UTC')} AND action IN ('sign', 'handle', 'refuse')
    GROUP BY case_id, hop
) AS m ON m.case_id = a.case_id AND m.hop = a.hop
LEFT JOIN
(
    SELECT case_id, min(hop) AS first_hop, max(hop) AS last_hop
    FROM wangge.assignments FINAL
    WHERE at <= {as_of:DateTime64(3, 'UTC')} AND department != 'manual-triage'
    GROUP BY case_id
) AS h ON h.case_id = a.case_id;

CREATE OR REPLACE VIEW wangge.assignment_status AS
SELECT * FROM wangge.assignment_status_at(as_of = '2200-01-01 00:00:00');

-- One row an answer to a follow-up, with its case (named, or through its report) and the department that has the case.
CREATE OR REPLACE VIEW wangge.survey_status_at AS
SELECT
    s.survey_id AS survey_id,
    s.case_id AS case_id,
    s.report_id AS report_id,
    s.at AS answered_at,
    s.contacted AS contacted,
    s.solved AS solved,
    s.satisfaction AS satisfaction,
    s.satisfaction NOT IN ('', 'no_answer', 'unknown') AS answered,
    if(s.department != '', s.department, a.last_department) AS department,
    c.channel AS channel,
    c.family AS family,
    c.case_class AS case_class,
    c.city AS city,
    c.district AS district,
    c.street AS street,
    c.community AS community,
    c.grid AS grid
FROM
(
    SELECT v.survey_id AS survey_id, if(v.case_id != '', v.case_id, r.case_id) AS case_id, v.report_id AS report_id, v.at AS at,
        v.contacted AS contacted, v.solved AS solved, v.satisfaction AS satisfaction, toString(v.department) AS department
    FROM (SELECT * FROM wangge.surveys FINAL WHERE at <= {as_of:DateTime64(3, 'UTC')}) AS v
    LEFT JOIN
    (
        SELECT report_id, case_id FROM wangge.reports FINAL
        WHERE report_id IN (SELECT report_id FROM wangge.surveys WHERE case_id = '')
    ) AS r ON r.report_id = v.report_id
) AS s
LEFT JOIN
(
    SELECT case_id, channel, family, case_class, city, district, street, community, grid FROM wangge.cases FINAL
) AS c ON c.case_id = s.case_id
LEFT JOIN
(
    SELECT case_id, toString(argMax(department, hop)) AS last_department
    FROM wangge.assignments FINAL
    WHERE at <= {as_of:DateTime64(3, 'UTC')}
    GROUP BY case_id
) AS a ON a.case_id = s.case_id;

CREATE OR REPLACE VIEW wangge.survey_status AS
SELECT * FROM wangge.survey_status_at(as_of = '2200-01-01 00:00:00');

-- One row a patrol visit; department is the unit of the worker.
CREATE OR REPLACE VIEW wangge.patrol_status_at AS
SELECT
    fact_id AS patrol_id,
    worker,
    unit AS department,
    grid,
    started_at,
    ended_at,
    (toUnixTimestamp64Milli(ended_at) - toUnixTimestamp64Milli(started_at)) / 3600000 AS hours,
    distance_m,
    found
FROM wangge.patrols FINAL
WHERE at <= {as_of:DateTime64(3, 'UTC')};

CREATE OR REPLACE VIEW wangge.patrol_status AS
SELECT * FROM wangge.patrol_status_at(as_of = '2200-01-01 00:00:00');

-- One row for the records of one channel that ended in one way within one batch of the log.
CREATE OR REPLACE VIEW wangge.outcome_status_at AS
SELECT fact_id AS outcome_id, at AS counted_at, channel, fate, outcome, records, samples, derived
FROM wangge.outcomes FINAL
WHERE at <= {as_of:DateTime64(3, 'UTC')};

CREATE OR REPLACE VIEW wangge.outcome_status AS
SELECT * FROM wangge.outcome_status_at(as_of = '2200-01-01 00:00:00');
