-- The clock of a border case: by when its named lead must have settled who is responsible.

ALTER TABLE wangge.boundaries
    ADD COLUMN IF NOT EXISTS due_at Nullable(DateTime64(3, 'UTC'));
