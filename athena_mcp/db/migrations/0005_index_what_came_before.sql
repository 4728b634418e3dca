-- Memories that were stored before there was a lexical index (step 2) are put into it: the triggers only see what came
-- after. Nothing is done in a store that has had one from its first memory on.
DO $$
DECLARE
    missing record;
BEGIN
    FOR missing IN
        SELECT m.project_id, m.layer, m.id, m.content, m.also FROM athena.memories m
        WHERE m.superseded_at IS NULL
            AND m.updated_at < (SELECT applied_at FROM athena.migrations WHERE number = 2)
            AND NOT EXISTS (SELECT 1 FROM athena.postings p WHERE p.project_id = m.project_id AND p.memory_id = m.id)
        ORDER BY m.project_id, m.id
    LOOP
        PERFORM athena.add_to_index(ARRAY[missing.project_id], ARRAY[missing.layer], ARRAY[missing.id],
            ARRAY[missing.content], ARRAY[missing.also]);
    END LOOP;
END
$$;
