CREATE TABLE IF NOT EXISTS batch (
    id INTEGER PRIMARY KEY,
    batch_id TEXT NOT NULL,
    school TEXT NOT NULL,
    username TEXT NOT NULL,
    system_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    tbl TEXT NOT NULL,
    received INTEGER NOT NULL,
    visible INTEGER NOT NULL,
    hidden_for INTEGER NOT NULL,
    collect_num INTEGER NOT NULL,
    storage_num INTEGER NOT NULL,
    remark TEXT,
    state TEXT,
    state_info TEXT
);
CREATE INDEX IF NOT EXISTS batch_received ON batch (school, received);
-- Keys come in no order: rows are appended, and only the small entries of the index are put among the others. Files of
-- older versions have the rows themselves in key order; statements take both.
CREATE TABLE IF NOT EXISTS held (
    id INTEGER PRIMARY KEY,
    tbl TEXT NOT NULL,
    key TEXT NOT NULL,
    school TEXT NOT NULL,
    deleted INTEGER NOT NULL,
    digest TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (tbl, key)
);
CREATE TABLE IF NOT EXISTS write (
    seq INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL,
    place INTEGER NOT NULL,
    tbl TEXT NOT NULL,
    key TEXT NOT NULL,
    op TEXT NOT NULL,
    digest TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS write_tbl ON write (tbl, op);
