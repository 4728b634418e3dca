-- The lexical index: term postings with frequencies and lengths, document frequencies, and totals, kept by triggers, so
-- that whoever writes a memory finds it. Only live (not superseded) memories are in it. Layers are partitions: each is
-- searched in an index of its own.

-- How many live memories a project has in a layer, and of how many terms: N and the mean length of BM25.
CREATE TABLE athena.layer_totals (
    project_id integer NOT NULL REFERENCES athena.projects,
    layer athena.layer NOT NULL,
    memories bigint NOT NULL DEFAULT 0 CHECK (memories >= 0),
    terms bigint NOT NULL DEFAULT 0 CHECK (terms >= 0),
    PRIMARY KEY (project_id, layer)
) WITH (fillfactor = 50);

-- A term of a project and in how many of its live memories it occurs.
CREATE TABLE athena.terms (
    project_id integer NOT NULL REFERENCES athena.projects,
    term text NOT NULL,
    id integer GENERATED ALWAYS AS IDENTITY,
    df integer NOT NULL CHECK (df >= 0),
    PRIMARY KEY (project_id, term)
) WITH (fillfactor = 70);

CREATE TABLE athena.postings (
    project_id integer NOT NULL,
    term_id integer NOT NULL,
    memory_id bigint NOT NULL,
    tf smallint NOT NULL CHECK (tf > 0),
    length smallint NOT NULL CHECK (length > 0),
    layer athena.layer NOT NULL
) PARTITION BY LIST (layer);
CREATE TABLE athena.postings_episodic PARTITION OF athena.postings FOR VALUES IN ('episodic');
CREATE TABLE athena.postings_semantic PARTITION OF athena.postings FOR VALUES IN ('semantic');
CREATE TABLE athena.postings_procedural PARTITION OF athena.postings FOR VALUES IN ('procedural');
CREATE TABLE athena.postings_prospective PARTITION OF athena.postings FOR VALUES IN ('prospective');
CREATE TABLE athena.postings_graph PARTITION OF athena.postings FOR VALUES IN ('graph');
-- Covers the whole query: scored from the index alone.
CREATE UNIQUE INDEX ON athena.postings (project_id, term_id, memory_id, layer) INCLUDE (tf, length);

CREATE FUNCTION athena.search_config() RETURNS regconfig
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT value::regconfig FROM athena.settings WHERE name = 'language');

-- Text with every compound taken apart: getUserById, snake_case, HTTPServer, src/app.py, HTTP_502.
CREATE FUNCTION athena.apart(body text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(
    regexp_replace(
        regexp_replace(body, '([a-z0-9])([A-Z])', '\1 \2', 'g'),
        '([A-Z])([A-Z][a-z])', '\1 \2', 'g'),
    '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2010-\u205f\u3000-\u303f\uff00-\uff0f\uff1a-\uff20]+', ' ', 'g');

-- The terms of a text with their frequencies:
--   its words, taken apart and stemmed, stop words left out;
--   its identifiers whole, in lower case (getuserbyid, snake_case, src/app.py);
--   scripts written without spaces (Han, kana, Hangul, Thai) as single characters and pairs.
CREATE FUNCTION athena.terms_of(config regconfig, body text) RETURNS TABLE (term text, tf integer)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 40 AS $$
DECLARE
    spaceless CONSTANT text := '[\u0e00-\u0e7f\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]';
    identifier CONSTANT text :=
        '[A-Za-z0-9_]*[A-Za-z][A-Za-z0-9_]*(?:[-./:@#+][A-Za-z0-9_]+)+|[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+|[A-Za-z]*(?:[a-z0-9][A-Z]|[A-Z]{2}[a-z])[A-Za-z0-9]*|[0-9]+(?:[.-][0-9A-Za-z]+)+';
    wholes text[];
    spoken text := body;
    runs text[];
BEGIN
    SELECT array_agg(lower(m[1])) INTO wholes FROM regexp_matches(body, '(' || identifier || ')', 'g') AS m
    WHERE length(m[1]) <= 200;
    IF body ~ spaceless THEN
        SELECT array_agg(m[1]) INTO runs FROM regexp_matches(body, '(' || spaceless || '+)', 'g') AS m;
        spoken := regexp_replace(body, spaceless || '+', ' ', 'g');
    END IF;
    RETURN QUERY
    SELECT found.term, least(sum(found.n), 32767)::integer FROM (
        SELECT lexeme AS term, cardinality(positions)::bigint AS n
        FROM unnest(to_tsvector(config, lower(athena.apart(spoken))
            || coalesce(' ' || (SELECT string_agg(w, ' ') FROM unnest(wholes) AS w WHERE w !~ '[^a-z0-9]'), '')))
        UNION ALL
        SELECT w, count(*) FROM unnest(wholes) AS w WHERE w ~ '[^a-z0-9]' GROUP BY w
        UNION ALL
        SELECT piece, count(*)
        FROM unnest(runs) AS run
        CROSS JOIN LATERAL (
            SELECT single, single || lead(single) OVER (ORDER BY place) AS pair
            FROM unnest(string_to_array(run, NULL)) WITH ORDINALITY AS c (single, place)
        ) AS pieces
        CROSS JOIN LATERAL (VALUES (single), (pair)) AS p (piece)
        WHERE piece IS NOT NULL GROUP BY piece
    ) AS found
    WHERE found.term <> '' AND length(found.term) <= 255
    GROUP BY found.term;
END
$$;

-- The caller holds the locks of these projects (see athena.lock_projects).
CREATE FUNCTION athena.add_to_index(project_ids integer[], layers athena.layer[], ids bigint[], contents text[], alsos text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    config regconfig := athena.search_config();
BEGIN
    WITH documents AS (
        SELECT * FROM unnest(project_ids, layers, ids, contents, alsos) AS d (project_id, layer, id, content, also)
    ), lengths AS MATERIALIZED (
        SELECT d.project_id, d.layer, d.id,
            least((SELECT coalesce(sum(t.tf), 1) FROM athena.terms_of(config, d.content) AS t), 32767) AS length
        FROM documents d
    ), found AS MATERIALIZED (
        -- The length is that of the text alone: what else a memory is found by does not make it a long one.
        SELECT d.project_id, d.layer, d.id, t.term, t.tf, l.length
        FROM documents d
        CROSS JOIN LATERAL athena.terms_of(config, d.content || E'\n' || d.also) AS t
        JOIN lengths l ON l.project_id = d.project_id AND l.id = d.id
    ), counted AS MATERIALIZED (
        SELECT project_id, term, count(*) AS df FROM found GROUP BY project_id, term
    ), raised AS (
        UPDATE athena.terms t SET df = t.df + c.df FROM counted c
        WHERE t.project_id = c.project_id AND t.term = c.term
        RETURNING t.project_id, t.term, t.id
    ), made AS (
        INSERT INTO athena.terms (project_id, term, df)
        SELECT c.project_id, c.term, c.df FROM counted c
        WHERE NOT EXISTS (SELECT 1 FROM athena.terms t WHERE t.project_id = c.project_id AND t.term = c.term)
        RETURNING project_id, term, id
    ), posted AS (
        INSERT INTO athena.postings (project_id, term_id, memory_id, tf, length, layer)
        SELECT f.project_id, t.id, f.id, f.tf, f.length, f.layer
        FROM found f JOIN (SELECT * FROM raised UNION ALL SELECT * FROM made) t USING (project_id, term)
    )
    INSERT INTO athena.layer_totals (project_id, layer, memories, terms)
    SELECT l.project_id, l.layer, count(*), sum(l.length) FROM lengths l GROUP BY l.project_id, l.layer
    ON CONFLICT (project_id, layer) DO UPDATE
    SET memories = layer_totals.memories + excluded.memories, terms = layer_totals.terms + excluded.terms;
END
$$;

CREATE FUNCTION athena.remove_from_index(project_ids integer[], layers athena.layer[], ids bigint[], contents text[], alsos text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    config regconfig := athena.search_config();
BEGIN
    WITH documents AS (
        SELECT * FROM unnest(project_ids, layers, ids, contents, alsos) AS d (project_id, layer, id, content, also)
    ), found AS MATERIALIZED (
        SELECT d.project_id, d.id, t.term
        FROM documents d CROSS JOIN LATERAL athena.terms_of(config, d.content || E'\n' || d.also) AS t
    ), counted AS MATERIALIZED (
        SELECT project_id, term, count(*) AS df FROM found GROUP BY project_id, term
    ), lowered AS (
        UPDATE athena.terms t SET df = t.df - c.df FROM counted c
        WHERE t.project_id = c.project_id AND t.term = c.term
        RETURNING t.project_id, t.term, t.id
    ), removed AS (
        DELETE FROM athena.postings p USING found f JOIN lowered t USING (project_id, term)
        WHERE p.project_id = f.project_id AND p.term_id = t.id AND p.memory_id = f.id
    )
    UPDATE athena.layer_totals lt SET memories = lt.memories - gone.memories, terms = lt.terms - gone.terms
    FROM (
        SELECT d.project_id, d.layer, count(*) AS memories, sum(
            least((SELECT coalesce(sum(t.tf), 1) FROM athena.terms_of(config, d.content) AS t), 32767)) AS terms
        FROM documents d GROUP BY d.project_id, d.layer
    ) AS gone
    WHERE lt.project_id = gone.project_id AND lt.layer = gone.layer;
    -- A term that nothing has any more.
    DELETE FROM athena.terms t USING (SELECT DISTINCT unnest(project_ids) AS project_id) p
    WHERE t.project_id = p.project_id AND t.df = 0;
END
$$;
CREATE INDEX terms_unused ON athena.terms (project_id) WHERE df = 0;

-- Writers of a project take turns, in the order of project ids, so that no two can wait for each other.
CREATE FUNCTION athena.lock_projects(project_ids integer[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM athena.projects WHERE id = ANY (project_ids) ORDER BY id FOR NO KEY UPDATE;
END
$$;

CREATE FUNCTION athena.keep_index() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched integer[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        touched := ARRAY(SELECT DISTINCT project_id FROM new_rows);
    ELSIF TG_OP = 'DELETE' THEN
        touched := ARRAY(SELECT DISTINCT project_id FROM old_rows);
    ELSE
        touched := ARRAY(SELECT project_id FROM old_rows UNION SELECT project_id FROM new_rows);
    END IF;
    IF cardinality(touched) = 0 THEN
        RETURN NULL;
    END IF;
    PERFORM athena.lock_projects(touched);
    IF TG_OP = 'INSERT' THEN
        PERFORM athena.add_to_index(array_agg(project_id), array_agg(layer), array_agg(id), array_agg(content), array_agg(also))
        FROM new_rows WHERE superseded_at IS NULL HAVING count(*) > 0;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM athena.remove_from_index(array_agg(project_id), array_agg(layer), array_agg(id), array_agg(content), array_agg(also))
        FROM old_rows WHERE superseded_at IS NULL HAVING count(*) > 0;
    ELSE
        PERFORM athena.remove_from_index(array_agg(o.project_id), array_agg(o.layer), array_agg(o.id), array_agg(o.content), array_agg(o.also))
        FROM old_rows o JOIN new_rows n USING (project_id, id)
        WHERE o.superseded_at IS NULL AND (n.superseded_at IS NOT NULL OR o.content <> n.content OR o.also <> n.also OR o.layer <> n.layer)
        HAVING count(*) > 0;
        PERFORM athena.add_to_index(array_agg(n.project_id), array_agg(n.layer), array_agg(n.id), array_agg(n.content), array_agg(n.also))
        FROM old_rows o JOIN new_rows n USING (project_id, id)
        WHERE n.superseded_at IS NULL AND (o.superseded_at IS NOT NULL OR o.content <> n.content OR o.also <> n.also OR o.layer <> n.layer)
        HAVING count(*) > 0;
        DELETE FROM athena.vectors v USING new_rows n
        WHERE v.project_id = n.project_id AND v.memory_id = n.id AND n.superseded_at IS NOT NULL;
    END IF;
    UPDATE athena.projects SET version = version + 1 WHERE id = ANY (touched);
    RETURN NULL;
END
$$;
CREATE TRIGGER keep_index_insert AFTER INSERT ON athena.memories
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION athena.keep_index();
CREATE TRIGGER keep_index_delete AFTER DELETE ON athena.memories
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION athena.keep_index();
CREATE TRIGGER keep_index_update AFTER UPDATE ON athena.memories
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION athena.keep_index();
