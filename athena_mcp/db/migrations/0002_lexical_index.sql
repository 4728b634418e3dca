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
-- The terms are found once and looked up one by one afterwards: joining them in one statement would take quadratic time
-- in a large batch, or a scan of all terms for a small one, depending on what the planner happens to believe.
CREATE FUNCTION athena.add_to_index(
    project_ids integer[], layers athena.layer[], ids bigint[], contents text[], alsos text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    config regconfig := athena.search_config();
    p integer[]; l athena.layer[]; m bigint[]; t text[]; f integer[]; n integer[];
    counted_projects integer[]; counted_terms text[]; counts bigint[];
BEGIN
    -- The length is that of the text alone: what else a memory is found by does not make it a long one.
    WITH documents AS (
        SELECT d.*, least((SELECT coalesce(sum(x.tf), 1) FROM athena.terms_of(config, d.content) AS x), 32767) AS length
        FROM unnest(project_ids, layers, ids, contents, alsos) AS d (project_id, layer, id, content, also)
    ), totals AS (
        INSERT INTO athena.layer_totals (project_id, layer, memories, terms)
        SELECT d.project_id, d.layer, count(*), sum(d.length) FROM documents d GROUP BY d.project_id, d.layer
        ON CONFLICT (project_id, layer) DO UPDATE
        SET memories = layer_totals.memories + excluded.memories, terms = layer_totals.terms + excluded.terms
    )
    SELECT array_agg(d.project_id), array_agg(d.layer), array_agg(d.id), array_agg(x.term), array_agg(x.tf),
        array_agg(d.length)
    INTO p, l, m, t, f, n
    FROM documents d CROSS JOIN LATERAL athena.terms_of(config, d.content || E'\n' || d.also) AS x;
    IF p IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(c.project_id), array_agg(c.term), array_agg(c.df)
    INTO counted_projects, counted_terms, counts
    FROM (SELECT project_id, term, count(*) AS df FROM unnest(p, t) AS x (project_id, term) GROUP BY 1, 2) AS c;
    INSERT INTO athena.terms (project_id, term, df)
    SELECT c.project_id, c.term, 0 FROM unnest(counted_projects, counted_terms) AS c (project_id, term)
    WHERE NOT EXISTS (SELECT 1 FROM athena.terms k WHERE k.project_id = c.project_id AND k.term = c.term);
    UPDATE athena.terms k SET df = k.df + c.df
    FROM unnest(counted_projects, counted_terms, counts) AS c (project_id, term, df)
    WHERE k.project_id = c.project_id AND k.term = c.term;
    INSERT INTO athena.postings (project_id, term_id, memory_id, tf, length, layer)
    SELECT x.project_id, k.id, x.id, x.tf, x.length, x.layer
    FROM unnest(p, l, m, t, f, n) AS x (project_id, layer, id, term, tf, length)
    JOIN athena.terms k ON k.project_id = x.project_id AND k.term = x.term;
END
$$;

CREATE FUNCTION athena.remove_from_index(
    project_ids integer[], layers athena.layer[], ids bigint[], contents text[], alsos text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    config regconfig := athena.search_config();
    p integer[]; m bigint[]; t text[];
BEGIN
    WITH documents AS (
        SELECT * FROM unnest(project_ids, layers, ids, contents, alsos) AS d (project_id, layer, id, content, also)
    ), totals AS (
        UPDATE athena.layer_totals lt SET memories = lt.memories - gone.memories, terms = lt.terms - gone.terms
        FROM (
            SELECT d.project_id, d.layer, count(*) AS memories, sum(
                least((SELECT coalesce(sum(x.tf), 1) FROM athena.terms_of(config, d.content) AS x), 32767)) AS terms
            FROM documents d GROUP BY d.project_id, d.layer
        ) AS gone
        WHERE lt.project_id = gone.project_id AND lt.layer = gone.layer
    )
    SELECT array_agg(d.project_id), array_agg(d.id), array_agg(x.term) INTO p, m, t
    FROM documents d CROSS JOIN LATERAL athena.terms_of(config, d.content || E'\n' || d.also) AS x;
    IF p IS NULL THEN
        RETURN;
    END IF;
    DELETE FROM athena.postings o
    USING unnest(p, m, t) AS x (project_id, id, term), athena.terms k
    WHERE k.project_id = x.project_id AND k.term = x.term
        AND o.project_id = x.project_id AND o.term_id = k.id AND o.memory_id = x.id;
    UPDATE athena.terms k SET df = k.df - c.df
    FROM (SELECT project_id, term, count(*) AS df FROM unnest(p, t) AS x (project_id, term) GROUP BY 1, 2) AS c
    WHERE k.project_id = c.project_id AND k.term = c.term;
    -- A term that nothing has any more.
    DELETE FROM athena.terms k USING (SELECT DISTINCT unnest(p) AS project_id) AS x
    WHERE k.project_id = x.project_id AND k.df = 0;
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
