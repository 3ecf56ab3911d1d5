-- A reclassification is a move that keeps the state and changes category or class: both sides of it stay.

ALTER TABLE wangge.case_moves
    ADD COLUMN IF NOT EXISTS from_category String,
    ADD COLUMN IF NOT EXISTS to_category String,
    ADD COLUMN IF NOT EXISTS from_class String,
    ADD COLUMN IF NOT EXISTS to_class String;
