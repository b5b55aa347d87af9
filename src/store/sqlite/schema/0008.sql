-- What a run knew for and against believing that what it did not see is gone.
ALTER TABLE run ADD COLUMN columns BLOB;
ALTER TABLE run ADD COLUMN parts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN doubt_zh TEXT;
ALTER TABLE run ADD COLUMN doubt_en TEXT;
-- `why` is the English reason. kind: 0 = for approval, 1 = goes at the end of the collection of `run`, 2 = for approval, because
-- the mapping was changed. waves: when the records were last seen at the source.
ALTER TABLE missing ADD COLUMN zh TEXT NOT NULL DEFAULT '';
ALTER TABLE missing ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
ALTER TABLE missing ADD COLUMN run INTEGER NOT NULL DEFAULT 0;
ALTER TABLE missing ADD COLUMN waves BLOB NOT NULL DEFAULT x'';
-- Tombstones whose record somebody has withdrawn upstream by hand.
CREATE TABLE withdrawn (
    upstream INTEGER NOT NULL,
    feed INTEGER NOT NULL,
    rid INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (upstream, feed, rid)
) WITHOUT ROWID;
