-- A report that a person took out of its case (case_unmerges, undone = 'link') is shown, from then on, with the case of
-- its own and as that case was filed; it is linked to nothing any more. After a merge was undone a report is still in the
-- case it was settled with, so nothing changes for it.

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
FROM
(
    SELECT
        s.report_id AS report_id,
        if(u.own_case != '', u.own_case, s.case_id) AS case_id,
        s.channel AS channel,
        s.source_system AS source_system,
        s.source_family AS source_family,
        toLowCardinality(if(u.own_case != '', 'filed', s.fate)) AS fate,
        toLowCardinality(if(u.own_case != '', u.own_outcome, s.outcome)) AS outcome,
        s.occurred_at AS occurred_at,
        s.found_at AS found_at,
        s.received_at AS received_at,
        s.lon AS lon,
        s.lat AS lat,
        s.error_m AS error_m,
        s.place_method AS place_method,
        s.city AS city,
        s.district AS district,
        s.street AS street,
        s.community AS community,
        s.grid AS grid,
        s.standard AS standard,
        s.kind AS kind,
        s.code AS code,
        s.family AS family,
        s.case_class AS case_class,
        s.confidence AS confidence,
        s.method AS method,
        s.reporter_role AS reporter_role,
        s.reporter_unit AS reporter_unit,
        s.flags AS flags
    FROM (SELECT * FROM wangge.reports FINAL WHERE at <= {as_of:DateTime64(3, 'UTC')}) AS s
    LEFT JOIN
    (
        -- a report is taken out once, and the case of its own is the one that it opened
        SELECT report_id, case_id AS own_case, if(state = 'dispatched', 'dispatched', waits_for) AS own_outcome
        FROM wangge.cases FINAL
        WHERE case_id IN (SELECT case_id FROM wangge.case_unmerges FINAL WHERE at <= {as_of:DateTime64(3, 'UTC')} AND undone = 'link')
    ) AS u ON u.report_id = s.report_id
) AS r
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
