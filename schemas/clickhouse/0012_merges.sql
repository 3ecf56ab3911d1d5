-- Why two cases were taken for one: what the rule weighed, how likely they are one problem, and the cases beside them.
-- Rows of before have an empty rule; their score says nothing.

ALTER TABLE wangge.case_merges
    ADD COLUMN IF NOT EXISTS error_m Float64,
    ADD COLUMN IF NOT EXISTS similarity Float64,
    ADD COLUMN IF NOT EXISTS how LowCardinality(String),
    ADD COLUMN IF NOT EXISTS score Float64,
    ADD COLUMN IF NOT EXISTS rule LowCardinality(String),
    ADD COLUMN IF NOT EXISTS candidates Array(String),
    ADD COLUMN IF NOT EXISTS probabilities Array(Float64);

-- What a citizen answered about a report moves with it. An answer that names the report alone, or with the case that it was
-- part of, belongs from an un-merge on to the case of its own (case_unmerges, undone = 'link'), and one that names a report
-- of a merged case with the case it was merged into belongs to the case that goes on (undone = 'merge'). Where an answer
-- names any other case, or no report, the case it names stands.

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
    SELECT
        v.survey_id AS survey_id,
        multiIf(
            u.own_case != '' AND (v.case_id = '' OR v.case_id = r.case_id OR v.case_id = u.from_case), u.own_case,
            v.case_id = '' OR v.case_id = m.from_case, r.case_id,
            v.case_id) AS case_id,
        v.report_id AS report_id,
        v.at AS at,
        v.contacted AS contacted,
        v.solved AS solved,
        v.satisfaction AS satisfaction,
        toString(v.department) AS department
    FROM (SELECT * FROM wangge.surveys FINAL WHERE at <= {as_of:DateTime64(3, 'UTC')}) AS v
    LEFT JOIN
    (
        SELECT report_id, case_id FROM wangge.reports FINAL
        WHERE report_id IN (SELECT report_id FROM wangge.surveys WHERE report_id != '')
    ) AS r ON r.report_id = v.report_id
    LEFT JOIN
    (
        -- a report is taken out once
        SELECT report_id, case_id AS own_case, from_case
        FROM wangge.case_unmerges FINAL
        WHERE at <= {as_of:DateTime64(3, 'UTC')} AND undone = 'link'
    ) AS u ON u.report_id = v.report_id
    LEFT JOIN
    (
        -- what a person parted is never joined again, so there is one row a pair
        SELECT case_id, from_case
        FROM wangge.case_unmerges FINAL
        WHERE at <= {as_of:DateTime64(3, 'UTC')} AND undone = 'merge'
    ) AS m ON m.case_id = r.case_id AND m.from_case = v.case_id
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
