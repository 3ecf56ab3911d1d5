-- The name by which a report without a point was located (place_method = 'gazetteer').

ALTER TABLE wangge.reports
    ADD COLUMN IF NOT EXISTS place_named String;
