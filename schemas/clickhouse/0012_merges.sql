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
