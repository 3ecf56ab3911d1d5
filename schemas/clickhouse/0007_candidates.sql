-- What else a report could have been: the categories or labels that words or a model spoke for, and how likely each is.

ALTER TABLE wangge.reports
    ADD COLUMN IF NOT EXISTS candidates Array(String),
    ADD COLUMN IF NOT EXISTS candidate_shares Array(Float64);
