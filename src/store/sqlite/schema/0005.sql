-- The newest comparison of an (upstream, feed) with what the platform holds. outcome: 0 = equal, 1 = differing, 2 = impossible.
CREATE TABLE compared (
    upstream INTEGER NOT NULL,
    feed INTEGER NOT NULL,
    at INTEGER NOT NULL,
    position INTEGER NOT NULL,
    records INTEGER NOT NULL,
    elsewhere INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    differ INTEGER NOT NULL,
    zh TEXT NOT NULL,
    en TEXT NOT NULL,
    equal_at INTEGER,
    differed_at INTEGER,
    differed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (upstream, feed)
) WITHOUT ROWID;
-- What somebody should know of an upstream. kind: 0 = trouble, 1 = stopped, 2 = warning.
CREATE TABLE notice (
    upstream INTEGER NOT NULL,
    place INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    feed INTEGER,
    zh TEXT NOT NULL,
    en TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,
    PRIMARY KEY (upstream, place)
) WITHOUT ROWID;
