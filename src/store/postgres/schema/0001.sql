-- Small facts about the installation.
CREATE TABLE meta (key text PRIMARY KEY, value bytea NOT NULL);

-- The generation: the upper 16 bits of every seq. The counters below them are the feeds' own and never fall.
CREATE TABLE clock (id integer PRIMARY KEY CHECK (id = 1), generation bigint NOT NULL);
INSERT INTO clock VALUES (1, 1);

-- A key as indexes take it: an entry must fit a page, so a long one keeps its beginning and a digest of all of it.
CREATE FUNCTION short_key(nk bytea) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT CASE WHEN octet_length(nk) <= 1024 THEN nk ELSE substring(nk FROM 1 FOR 1000) || sha256(nk) END $$;

-- Sources and upstreams, each with its lease. The epoch rises whenever the lease is taken.
CREATE TABLE source (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    epoch bigint NOT NULL DEFAULT 0,
    holder text,
    expires timestamptz,
    ttl interval,
    grace interval
);
CREATE TABLE upstream (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    epoch bigint NOT NULL DEFAULT 0,
    holder text,
    expires timestamptz,
    ttl interval,
    grace interval
);

-- One feed an (edition, table). Whoever changes anything of a feed locks its row first.
CREATE TABLE feeds (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    edition text NOT NULL,
    name text NOT NULL,
    is_log boolean NOT NULL,
    key_digest bytea NOT NULL,
    parked text,
    counter bigint NOT NULL DEFAULT 0,
    next_rid bigint NOT NULL DEFAULT 0,
    live bigint NOT NULL DEFAULT 0,
    seq bigint NOT NULL DEFAULT 0,
    read_once boolean NOT NULL DEFAULT false,
    adopts boolean NOT NULL DEFAULT false,
    UNIQUE (edition, name)
) WITH (fillfactor = 50);
CREATE TABLE feed_field (feed integer NOT NULL, slot integer NOT NULL, name text NOT NULL, PRIMARY KEY (feed, slot));

-- The newest version of each key. flags: 1 = gone (its newest version is a tombstone), 2 = frozen by a conflict.
CREATE TABLE head (
    feed integer NOT NULL,
    nk bytea NOT NULL,
    rid bigint NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    source integer NOT NULL,
    flags integer NOT NULL,
    PRIMARY KEY (feed, nk)
) WITH (fillfactor = 85);
CREATE INDEX head_odd ON head (feed, flags, rid) WHERE flags <> 0;

-- The feed: exactly one row a key, its newest version. op: 0 = upsert, 1 = delete.
CREATE TABLE feed (
    feed integer NOT NULL,
    seq bigint NOT NULL,
    rid bigint NOT NULL,
    op integer NOT NULL,
    key text NOT NULL,
    nk bytea NOT NULL,
    hash bytea NOT NULL,
    at bigint NOT NULL,
    payload text NOT NULL,
    PRIMARY KEY (feed, seq) INCLUDE (key)
);

-- Record keys and the natural keys that hold them: only of feeds with adopted keys, and there of every record, for a minted
-- key cannot meet another minted one. A tombstone holds its key.
CREATE TABLE record_key (feed integer NOT NULL, key text NOT NULL, nk bytea NOT NULL, PRIMARY KEY (feed, key));

-- Values of indexed fields of live records.
CREATE TABLE value (
    feed integer NOT NULL,
    seq bigint NOT NULL,
    slot integer NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (feed, seq, slot)
);
CREATE INDEX value_found ON value (feed, slot, "left"(value, 200));

CREATE TABLE run (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source integer NOT NULL,
    feed integer NOT NULL,
    mapping bytea NOT NULL,
    began bigint NOT NULL,
    ended bigint,
    complete boolean NOT NULL DEFAULT false,
    error text,
    landings bigint NOT NULL DEFAULT 0,
    position bytea NOT NULL DEFAULT '',
    read bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    duplicate bigint NOT NULL DEFAULT 0,
    quarantined bigint NOT NULL DEFAULT 0,
    filtered bigint NOT NULL DEFAULT 0,
    consumed bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);
CREATE INDEX run_feed ON run (feed, source, id);
-- What an unfinished run has seen: roaring bitmaps of rids, 65,536 rids a chunk.
CREATE TABLE seen (run bigint NOT NULL, chunk bigint NOT NULL, rids bytea NOT NULL, PRIMARY KEY (run, chunk))
    WITH (fillfactor = 70);
-- With which content an unfinished run has seen a frozen key.
CREATE TABLE sighting (
    run bigint NOT NULL, rid bigint NOT NULL, hash bytea NOT NULL, several boolean NOT NULL, PRIMARY KEY (run, rid)
);

-- conflict: 1 = a key with several contents, 2 = a record key that another natural key holds.
CREATE TABLE quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed integer NOT NULL,
    source integer NOT NULL,
    ident bytea NOT NULL,
    nk bytea,
    conflict integer NOT NULL,
    origin text NOT NULL,
    raw text NOT NULL,
    violations text NOT NULL,
    waits text NOT NULL,
    since bigint NOT NULL,
    first_run bigint NOT NULL,
    last_run bigint NOT NULL,
    UNIQUE (feed, source, ident)
);
CREATE INDEX quarantine_nk ON quarantine (feed, short_key(nk)) WHERE nk IS NOT NULL;
CREATE INDEX quarantine_collision ON quarantine (feed) WHERE conflict = 2;

-- Records that a complete run found missing and that wait for approval.
CREATE TABLE missing (
    feed integer NOT NULL,
    source integer NOT NULL,
    rids bytea NOT NULL,
    why text NOT NULL,
    since bigint NOT NULL,
    PRIMARY KEY (feed, source)
);
-- Deletions made without approval, for the bound over seven days.
CREATE TABLE deletion (feed integer NOT NULL, at bigint NOT NULL, count bigint NOT NULL);
CREATE INDEX deletion_at ON deletion (feed, at);

-- One row an attached (feed, upstream): cursor, ramp, counters.
CREATE TABLE stock (
    feed integer NOT NULL,
    upstream integer NOT NULL,
    cursor bigint NOT NULL DEFAULT 0,
    backfill_from bigint,
    backfill_to bigint,
    step bigint NOT NULL,
    used bigint NOT NULL DEFAULT 0,
    why text,
    last_stored bigint,
    stored bigint NOT NULL DEFAULT 0,
    in_flight bigint NOT NULL DEFAULT 0,
    waiting bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    unknown bigint NOT NULL DEFAULT 0,
    waits_parent bigint NOT NULL DEFAULT 0,
    waits_verdict bigint NOT NULL DEFAULT 0,
    not_due bigint NOT NULL DEFAULT 0,
    out_of_scope bigint NOT NULL DEFAULT 0,
    unsealed bigint NOT NULL DEFAULT 0,
    closed bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (feed, upstream)
) WITH (fillfactor = 50);

CREATE TABLE batch (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    upstream integer NOT NULL,
    feed integer NOT NULL,
    phase bigint NOT NULL,
    rows bigint NOT NULL,
    staged bigint NOT NULL,
    sent bigint,
    not_after bigint NOT NULL,
    mark text,
    mark_at bigint,
    absences bigint NOT NULL DEFAULT 0,
    absent_first bigint,
    asked bigint NOT NULL DEFAULT 0,
    ask_at bigint,
    settled bigint
) WITH (fillfactor = 70);
CREATE INDEX batch_open ON batch (upstream, feed, id) WHERE settled IS NULL;
CREATE INDEX batch_mark ON batch (upstream, feed, mark_at) WHERE mark IS NOT NULL;

-- Members of unsettled batches; a key has at most one unsettled version an upstream.
CREATE TABLE member (
    batch bigint NOT NULL,
    ordinal bigint NOT NULL,
    upstream integer NOT NULL,
    feed integer NOT NULL,
    rid bigint NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    key text NOT NULL,
    op integer NOT NULL,
    refusals bigint NOT NULL,
    split bigint NOT NULL,
    PRIMARY KEY (batch, ordinal)
);
CREATE UNIQUE INDEX member_rid ON member (upstream, feed, rid);

-- Keys that the cursor passed and that are neither in flight nor stored. reason 8: stored, to be sent again.
CREATE TABLE exception (
    upstream integer NOT NULL,
    feed integer NOT NULL,
    rid bigint NOT NULL,
    seq bigint NOT NULL,
    reason bigint NOT NULL,
    since bigint NOT NULL,
    due bigint,
    text text,
    field text,
    refusals bigint NOT NULL DEFAULT 0,
    split bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (upstream, feed, rid)
);
CREATE INDEX exception_due ON exception (upstream, feed, due, seq) WHERE due IS NOT NULL;

-- What an upstream holds, by version.
CREATE TABLE delivered (
    upstream integer NOT NULL,
    feed integer NOT NULL,
    rid bigint NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (upstream, feed, rid)
);

-- Where producers of pushed rows stand. snapshot: the run of the complete snapshot that the producer has under way.
CREATE TABLE pushed (
    feed integer NOT NULL,
    source integer NOT NULL,
    producer text NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    snapshot bigint,
    PRIMARY KEY (feed, source, producer)
);
