-- The fact that took the last part of an event back; 0 when none did.
ALTER TABLE fact ADD COLUMN returned_by INTEGER NOT NULL DEFAULT 0;
