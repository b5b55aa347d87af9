-- Platform processes that run on this database. One that has not told of itself for a while is dead.
CREATE TABLE process (
    id text PRIMARY KEY,
    edition text NOT NULL,
    told timestamptz NOT NULL
);

-- Batches and their verdicts.
CREATE TABLE batch (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id text NOT NULL,
    school text NOT NULL,
    username text NOT NULL,
    system_name text NOT NULL,
    kind text NOT NULL,
    tbl text NOT NULL,
    received bigint NOT NULL,
    visible bigint NOT NULL,
    hidden_for bigint NOT NULL,
    collect_num bigint NOT NULL,
    storage_num bigint NOT NULL,
    remark text,
    state text,
    state_info text
);
CREATE INDEX batch_received ON batch (school, received);

-- Whoever writes rows of a school's table locks its row here first. Counts are those of all its batches; seq is the highest
-- that a stream has brought.
CREATE TABLE lane (
    school text NOT NULL,
    tbl text NOT NULL,
    seq bigint NOT NULL DEFAULT 0,
    streamed boolean NOT NULL DEFAULT false,
    received bigint NOT NULL DEFAULT 0,
    accepted bigint NOT NULL DEFAULT 0,
    last bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (school, tbl)
) WITH (fillfactor = 50);

-- The newest version of each key. A key never goes to another school.
CREATE TABLE held (
    tbl text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    school text NOT NULL,
    deleted boolean NOT NULL,
    digest bytea NOT NULL,
    body text NOT NULL,
    seq bigint NOT NULL,
    comparable bytea NOT NULL,
    PRIMARY KEY (tbl, key)
) WITH (fillfactor = 85);
CREATE INDEX held_school ON held (school, tbl);

-- Every accepted row, and what it did.
CREATE TABLE write (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch bigint NOT NULL,
    place bigint NOT NULL,
    tbl text COLLATE "C" NOT NULL,
    key text NOT NULL,
    op text NOT NULL,
    digest bytea NOT NULL
);
CREATE INDEX write_tbl ON write (tbl, op);

-- Hubs. Whoever takes a batch of a school holds an advisory lock on its epoch to the commit; another epoch waits for it.
CREATE TABLE stream_school (
    school text PRIMARY KEY,
    instance text NOT NULL,
    epoch bigint NOT NULL,
    edition text NOT NULL,
    software text NOT NULL,
    opened bigint NOT NULL,
    seen bigint NOT NULL,
    health text,
    holder text
) WITH (fillfactor = 50);

-- Verdicts on batches, until the hub says that it has them.
CREATE TABLE stream_batch (
    school text NOT NULL,
    instance text NOT NULL,
    id bigint NOT NULL,
    digest bytea NOT NULL,
    visible bigint NOT NULL,
    verdict text NOT NULL,
    PRIMARY KEY (school, instance, id)
);
