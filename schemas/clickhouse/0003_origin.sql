-- Where in Kafka a row comes from, and how many inserts a table remembers by their tokens. The embedded store leaves
-- the origin at its defaults. A table without the window would ignore tokens without a word.

ALTER TABLE wangge.reports
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.reports MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.cases
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.cases MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.assignments
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.assignments MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.case_moves
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.case_moves MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.case_merges
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.case_merges MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.report_links
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.report_links MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.boundaries
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.boundaries MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.alarms
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.alarms MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.feedback
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.feedback MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.actions_refused
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.actions_refused MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.patrols
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.patrols MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.tasks
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.tasks MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.staff_changes
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.staff_changes MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.surveys
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.surveys MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.ratings
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.ratings MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.calls
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.calls MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.quarantine
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.quarantine MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.outcomes
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.outcomes MODIFY SETTING non_replicated_deduplication_window = 10000;

ALTER TABLE wangge.readings
    ADD COLUMN IF NOT EXISTS _topic LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS _partition Int64 DEFAULT -1,
    ADD COLUMN IF NOT EXISTS _offset Int64 DEFAULT -1;
ALTER TABLE wangge.readings MODIFY SETTING non_replicated_deduplication_window = 10000;
