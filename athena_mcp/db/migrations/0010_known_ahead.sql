-- Takes the write lock of a project for whoever kept the project's id, and a fresh id for a memory, from the last time, so
-- that storing one is a single round trip; returns a fresh id for the next one. Refuses where that does not hold: the
-- project has another id, as in a store that was restored meanwhile, or somebody has drawn an id since, which comes later.
CREATE FUNCTION athena.lock_known(project integer, called text, reserved bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    following bigint := nextval(pg_get_serial_sequence('athena.memories', 'id'));
BEGIN
    PERFORM 1 FROM athena.projects WHERE id = project AND name = called FOR NO KEY UPDATE;
    IF NOT FOUND OR reserved <> following - 1 THEN  -- NULL: nothing was reserved
        RAISE EXCEPTION 'what was kept of the store does not hold' USING ERRCODE = 'AT001';
    END IF;
    RETURN following;
END
$$;
