-- Small facts about the installation.
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- The one clock of seqs: generation in the upper 16 bits, counter below. The counter never falls.
CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 1), generation INTEGER NOT NULL, counter INTEGER NOT NULL);
INSERT INTO clock VALUES (1, 1, 0);

CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE upstream (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

-- One feed an (edition, table).
CREATE TABLE feeds (
    id INTEGER PRIMARY KEY,
    edition TEXT NOT NULL,
    name TEXT NOT NULL,
    is_log INTEGER NOT NULL,
    key_digest BLOB NOT NULL,
    parked TEXT,
    next_rid INTEGER NOT NULL DEFAULT 0,
    live INTEGER NOT NULL DEFAULT 0,
    seq INTEGER NOT NULL DEFAULT 0,
    read_once INTEGER NOT NULL DEFAULT 0,
    UNIQUE (edition, name)
);
CREATE TABLE feed_field (
    feed INTEGER NOT NULL, slot INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (feed, slot)
) WITHOUT ROWID;

-- The newest version of each key. flags: 1 = gone (its newest version is a tombstone), 2 = frozen by a conflict.
CREATE TABLE head (
    feed INTEGER NOT NULL,
    nk BLOB NOT NULL,
    rid INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    source INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    PRIMARY KEY (feed, nk)
) WITHOUT ROWID;
CREATE INDEX head_odd ON head (feed, flags, rid) WHERE flags <> 0;

-- The feed: exactly one row a key, its newest version. op: 0 = upsert, 1 = delete.
CREATE TABLE feed (
    seq INTEGER PRIMARY KEY,
    feed INTEGER NOT NULL,
    rid INTEGER NOT NULL,
    op INTEGER NOT NULL,
    key TEXT NOT NULL,
    nk BLOB NOT NULL,
    hash BLOB NOT NULL,
    at INTEGER NOT NULL,
    payload TEXT NOT NULL
);
CREATE INDEX feed_order ON feed (feed, seq, key);

-- Values of indexed fields of live records.
CREATE TABLE value (
    feed INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    value TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (feed, slot, value, seq)
) WITHOUT ROWID;

CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source INTEGER NOT NULL,
    feed INTEGER NOT NULL,
    mapping BLOB NOT NULL,
    began INTEGER NOT NULL,
    ended INTEGER,
    complete INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    position BLOB NOT NULL DEFAULT x'',
    read INTEGER NOT NULL DEFAULT 0,
    changed INTEGER NOT NULL DEFAULT 0,
    unchanged INTEGER NOT NULL DEFAULT 0,
    duplicate INTEGER NOT NULL DEFAULT 0,
    quarantined INTEGER NOT NULL DEFAULT 0,
    filtered INTEGER NOT NULL DEFAULT 0,
    consumed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX run_feed ON run (feed, source, id);
-- What an unfinished run has seen: roaring bitmaps of rids, 65,536 rids a chunk.
CREATE TABLE seen (run INTEGER NOT NULL, chunk INTEGER NOT NULL, rids BLOB NOT NULL, PRIMARY KEY (run, chunk)) WITHOUT ROWID;
-- With which content an unfinished run has seen a frozen key.
CREATE TABLE sighting (
    run INTEGER NOT NULL, rid INTEGER NOT NULL, hash BLOB NOT NULL, several INTEGER NOT NULL, PRIMARY KEY (run, rid)
) WITHOUT ROWID;

CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    feed INTEGER NOT NULL,
    source INTEGER NOT NULL,
    ident BLOB NOT NULL,
    nk BLOB,
    conflict INTEGER NOT NULL,
    origin TEXT NOT NULL,
    raw TEXT NOT NULL,
    violations TEXT NOT NULL,
    waits TEXT NOT NULL,
    since INTEGER NOT NULL,
    first_run INTEGER NOT NULL,
    last_run INTEGER NOT NULL,
    UNIQUE (feed, source, ident)
);
CREATE INDEX quarantine_nk ON quarantine (feed, nk) WHERE nk IS NOT NULL;

-- Records that a complete run found missing and that wait for approval.
CREATE TABLE missing (
    feed INTEGER NOT NULL,
    source INTEGER NOT NULL,
    rids BLOB NOT NULL,
    why TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (feed, source)
) WITHOUT ROWID;
-- Deletions made without approval, for the bound over seven days.
CREATE TABLE deletion (feed INTEGER NOT NULL, at INTEGER NOT NULL, count INTEGER NOT NULL);
CREATE INDEX deletion_at ON deletion (feed, at);

-- One row an attached (feed, upstream): cursor, ramp, counters.
CREATE TABLE stock (
    feed INTEGER NOT NULL,
    upstream INTEGER NOT NULL,
    cursor INTEGER NOT NULL DEFAULT 0,
    backfill_from INTEGER,
    backfill_to INTEGER,
    step INTEGER NOT NULL,
    used INTEGER NOT NULL DEFAULT 0,
    why TEXT,
    last_stored INTEGER,
    stored INTEGER NOT NULL DEFAULT 0,
    in_flight INTEGER NOT NULL DEFAULT 0,
    waiting INTEGER NOT NULL DEFAULT 0,
    refused INTEGER NOT NULL DEFAULT 0,
    unknown INTEGER NOT NULL DEFAULT 0,
    waits_parent INTEGER NOT NULL DEFAULT 0,
    waits_verdict INTEGER NOT NULL DEFAULT 0,
    not_due INTEGER NOT NULL DEFAULT 0,
    out_of_scope INTEGER NOT NULL DEFAULT 0,
    unsealed INTEGER NOT NULL DEFAULT 0,
    closed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (feed, upstream)
) WITHOUT ROWID;

CREATE TABLE batch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    upstream INTEGER NOT NULL,
    feed INTEGER NOT NULL,
    phase INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    staged INTEGER NOT NULL,
    sent INTEGER,
    not_after INTEGER NOT NULL,
    mark TEXT,
    mark_at INTEGER,
    absences INTEGER NOT NULL DEFAULT 0,
    absent_first INTEGER,
    asked INTEGER NOT NULL DEFAULT 0,
    ask_at INTEGER,
    settled INTEGER
);
CREATE INDEX batch_open ON batch (upstream, feed, id) WHERE settled IS NULL;
CREATE INDEX batch_mark ON batch (upstream, feed, mark_at) WHERE mark IS NOT NULL;

-- Members of unsettled batches; a key has at most one unsettled version an upstream.
CREATE TABLE member (
    batch INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    upstream INTEGER NOT NULL,
    feed INTEGER NOT NULL,
    rid INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    key TEXT NOT NULL,
    op INTEGER NOT NULL,
    refusals INTEGER NOT NULL,
    split INTEGER NOT NULL,
    PRIMARY KEY (batch, ordinal)
) WITHOUT ROWID;
CREATE UNIQUE INDEX member_rid ON member (upstream, feed, rid);

-- Keys that the cursor passed and that are neither in flight nor stored. reason 8: stored, to be sent again.
CREATE TABLE exception (
    upstream INTEGER NOT NULL,
    feed INTEGER NOT NULL,
    rid INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    since INTEGER NOT NULL,
    due INTEGER,
    text TEXT,
    field TEXT,
    refusals INTEGER NOT NULL DEFAULT 0,
    split INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (upstream, feed, rid)
) WITHOUT ROWID;
CREATE INDEX exception_due ON exception (upstream, feed, due, seq) WHERE due IS NOT NULL;

-- What an upstream holds, by version.
CREATE TABLE delivered (
    upstream INTEGER NOT NULL,
    feed INTEGER NOT NULL,
    rid INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (upstream, feed, rid)
) WITHOUT ROWID;
