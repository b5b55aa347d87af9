-- The newest comparison of an (upstream, feed) with what the platform holds. outcome: 0 = equal, 1 = differing, 2 = impossible.
CREATE TABLE compared (
    upstream integer NOT NULL,
    feed integer NOT NULL,
    at bigint NOT NULL,
    position bigint NOT NULL,
    records bigint NOT NULL,
    elsewhere bigint NOT NULL,
    outcome integer NOT NULL,
    differ bigint NOT NULL,
    zh text NOT NULL,
    en text NOT NULL,
    equal_at bigint,
    differed_at bigint,
    differed bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (upstream, feed)
);
-- What somebody should know of an upstream. kind: 0 = trouble, 1 = stopped, 2 = warning.
CREATE TABLE notice (
    upstream integer NOT NULL,
    place integer NOT NULL,
    kind integer NOT NULL,
    feed integer,
    zh text NOT NULL,
    en text NOT NULL,
    since bigint NOT NULL,
    until bigint,
    PRIMARY KEY (upstream, place)
);
