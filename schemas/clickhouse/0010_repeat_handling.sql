-- Repeat handling (重复处理): a unit that settles the same place again and again. What it means for a score is said elsewhere.

CREATE TABLE IF NOT EXISTS wangge.repeat_handling
(
    fact_id String,
    at DateTime64(3, 'UTC'),
    recorded Int64,
    report_id String,
    case_id String,
    tile String,
    department LowCardinality(String),
    earlier_case String,
    first_case String,
    number Int64,
    gap_ms Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (fact_id)
COMMENT 'A unit handled a problem that was back soon after it had handled it at the same place (重复处理).';

ALTER TABLE wangge.repeat_handling
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.repeat_handling MODIFY SETTING non_replicated_deduplication_window = 10000;
