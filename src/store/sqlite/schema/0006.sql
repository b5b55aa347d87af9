-- Whether a run read everything, be it in several views of its object; and changes that reading what changed had missed.
ALTER TABLE run ADD COLUMN whole INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN missed INTEGER NOT NULL DEFAULT 0;
UPDATE run SET whole = complete;
