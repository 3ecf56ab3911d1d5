-- What a model of units said when a case was assigned: probabilities of the candidates, its version, what it was told.

ALTER TABLE wangge.assignments
    ADD COLUMN IF NOT EXISTS probabilities Array(Float64),
    ADD COLUMN IF NOT EXISTS model String,
    ADD COLUMN IF NOT EXISTS features Array(String);
