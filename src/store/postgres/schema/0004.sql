-- Whether a run read everything, be it in several views of its object; and changes that reading what changed had missed.
ALTER TABLE run ADD COLUMN whole boolean NOT NULL DEFAULT false;
ALTER TABLE run ADD COLUMN missed bigint NOT NULL DEFAULT 0;
UPDATE run SET whole = complete;
