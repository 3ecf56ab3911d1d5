-- Un-merging: who took which case or report out, and why. The links and merges it undoes stay in their tables and are
-- not counted from then on.

CREATE TABLE IF NOT EXISTS wangge.case_unmerges
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    case_id String,
    tile String,
    from_case String,
    undone String,
    undoes String,
    report_id String,
    reports Int64,
    action_id String,
    actor_role LowCardinality(String),
    actor_unit LowCardinality(String),
    actor_person String,
    post LowCardinality(String),
    reason_code LowCardinality(String),
    reason String
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'A person took apart what was merged: the case stands by itself now.';

ALTER TABLE wangge.case_unmerges
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.case_unmerges MODIFY SETTING non_replicated_deduplication_window = 10000;

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
            WHERE fact_id NOT IN (SELECT replaceOne(undoes, ':merged', ':merge') FROM wangge.case_unmerges FINAL WHERE at <= {as_of:DateTime64(3, 'UTC')})
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
                AND fact_id NOT IN (SELECT undoes FROM wangge.case_unmerges FINAL WHERE at <= {as_of:DateTime64(3, 'UTC')})
            UNION ALL
            SELECT case_id, 0, 0, 1, NULL, ''
            FROM wangge.feedback FINAL
            WHERE at <= {as_of:DateTime64(3, 'UTC')}
            UNION ALL
            SELECT case_id, 0, 0, 0, NULL, into
            FROM wangge.case_merges FINAL
            WHERE at <= {as_of:DateTime64(3, 'UTC')}
                AND fact_id NOT IN (SELECT undoes FROM wangge.case_unmerges FINAL WHERE at <= {as_of:DateTime64(3, 'UTC')})
            UNION ALL
            SELECT arrayJoin(arrayFilter(x -> x != '', arrayDistinct([recurrence_of, repeat_complaint_of]))), 0, 0, 0, at, ''
            FROM wangge.cases FINAL
            WHERE at <= {as_of:DateTime64(3, 'UTC')} AND (recurrence_of != '' OR repeat_complaint_of != '')
        )
        GROUP BY case_id
    ) AS o ON o.case_id = c.case_id
);
