-- What a run knew for and against believing that what it did not see is gone.
ALTER TABLE run ADD COLUMN columns bytea;
ALTER TABLE run ADD COLUMN parts bigint NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN doubt_zh text;
ALTER TABLE run ADD COLUMN doubt_en text;
-- `why` is the English reason. kind: 0 = for approval, 1 = goes at the end of the collection of `run`, 2 = for approval, because
-- the mapping was changed. waves: when the records were last seen at the source.
ALTER TABLE missing ADD COLUMN zh text NOT NULL DEFAULT '';
ALTER TABLE missing ADD COLUMN kind integer NOT NULL DEFAULT 0;
ALTER TABLE missing ADD COLUMN run bigint NOT NULL DEFAULT 0;
ALTER TABLE missing ADD COLUMN waves bytea NOT NULL DEFAULT ''::bytea;
-- Tombstones whose record somebody has withdrawn upstream by hand.
CREATE TABLE withdrawn (
    upstream integer NOT NULL,
    feed integer NOT NULL,
    rid bigint NOT NULL,
    seq bigint NOT NULL,
    at bigint NOT NULL,
    note text NOT NULL,
    PRIMARY KEY (upstream, feed, rid)
);
