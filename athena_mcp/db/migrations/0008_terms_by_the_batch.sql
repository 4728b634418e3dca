-- The texts of a batch are taken apart by one statement, which starts once instead of a dozen times for each memory; and what
-- leaves the index is found by its whole key instead of among all memories that have the term.

-- The terms of memories, by their place in the arrays: how often each is in the memory, and how often in its content alone.
-- What a term is, is said here only:
--   the words of a text, taken apart and stemmed, stop words left out;
--   its identifiers whole, in lower case (getuserbyid, snake_case, src/app.py);
--   scripts written without spaces (Han, kana, Hangul, Thai) as single characters and pairs.
CREATE FUNCTION athena.terms_of_each(config regconfig, contents text[], alsos text[])
RETURNS TABLE (place integer, term text, tf integer, own integer)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000 AS $$
DECLARE
    spaceless CONSTANT text := '[\u0e00-\u0e7f\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]';
    identifier CONSTANT text :=
        '[A-Za-z0-9_]*[A-Za-z][A-Za-z0-9_]*(?:[-./:@#+][A-Za-z0-9_]+)+|[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+|[A-Za-z]*(?:[a-z0-9][A-Z]|[A-Z]{2}[a-z])[A-Za-z0-9]*|[0-9]+(?:[.-][0-9A-Za-z]+)+';
BEGIN
    RETURN QUERY
    WITH bodies AS MATERIALIZED (
        SELECT d.place, b.own, b.body,
            CASE WHEN b.body ~ spaceless THEN regexp_replace(b.body, spaceless || '+', ' ', 'g') ELSE b.body END AS spoken,
            (SELECT array_agg(lower(m[1])) FROM regexp_matches(b.body, '(' || identifier || ')', 'g') AS m
                WHERE length(m[1]) <= 200) AS wholes
        FROM unnest(contents, alsos) WITH ORDINALITY AS d (content, also, place)
        CROSS JOIN LATERAL (VALUES (1, d.content), (0, d.also)) AS b (own, body)
        WHERE b.body <> ''
    )
    SELECT found.place::integer, found.term, least(sum(found.n), 32767)::integer, sum(found.n * found.own)::integer
    FROM (
        SELECT b.place, b.own, w.lexeme AS term, cardinality(w.positions)::bigint AS n
        FROM bodies AS b
        CROSS JOIN LATERAL unnest(to_tsvector(config, lower(athena.apart(b.spoken))
            || coalesce(' ' || (SELECT string_agg(w, ' ') FROM unnest(b.wholes) AS w WHERE w !~ '[^a-z0-9]'), ''))) AS w
        UNION ALL
        SELECT b.place, b.own, w, 1 FROM bodies AS b CROSS JOIN LATERAL unnest(b.wholes) AS w WHERE w ~ '[^a-z0-9]'
        UNION ALL
        SELECT b.place, b.own, piece, 1
        FROM bodies AS b
        CROSS JOIN LATERAL regexp_matches(b.body, '(' || spaceless || '+)', 'g') AS run
        CROSS JOIN LATERAL (
            SELECT single, single || lead(single) OVER (ORDER BY at) AS pair
            FROM unnest(string_to_array(run[1], NULL)) WITH ORDINALITY AS c (single, at)
        ) AS pieces
        CROSS JOIN LATERAL (VALUES (single), (pair)) AS p (piece)
        WHERE b.spoken <> b.body AND piece IS NOT NULL
    ) AS found
    WHERE found.term <> '' AND length(found.term) <= 255
    GROUP BY found.place, found.term;
END
$$;

-- The terms of a text with their frequencies.
CREATE OR REPLACE FUNCTION athena.terms_of(config regconfig, body text) RETURNS TABLE (term text, tf integer)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 40
BEGIN ATOMIC
    SELECT t.term, t.tf FROM athena.terms_of_each(config, ARRAY[body], ARRAY['']) AS t;
END;

DROP FUNCTION athena.document_terms(regconfig, text, text);

-- The length of each memory, by its place: that of the content alone, since what else it is found by does not make it a long
-- one; 1 for one that has no term.
CREATE FUNCTION athena.lengths_of(places integer[], owns integer[], memories integer) RETURNS integer[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT array_agg(d.length ORDER BY d.place)
    FROM (
        SELECT x.place, least(greatest(sum(x.own), 1), 32767)::integer AS length
        FROM (SELECT * FROM unnest(places, owns) UNION ALL SELECT generate_series(1, memories), 0) AS x (place, own)
        GROUP BY x.place
    ) AS d
);

-- A posting for each term of each memory; the ids of the terms are in the last three. Joined by hash, whatever the session
-- prefers for its small statements: looking up each of a batch's postings would take twice as long.
DROP FUNCTION athena.add_postings(integer[], athena.layer[], bigint[], text[], integer[], integer[], integer[], text[], integer[]);
CREATE FUNCTION athena.add_postings(
    project_ids integer[], layers athena.layer[], ids bigint[], lengths integer[],
    places integer[], terms text[], frequencies integer[],
    term_projects integer[], known_terms text[], term_ids integer[])
RETURNS void LANGUAGE plpgsql SET enable_hashjoin = on SET enable_nestloop = off SET enable_mergejoin = off AS $$
BEGIN
    -- In the order of the index, so that its pages are filled one after the other.
    INSERT INTO athena.postings (project_id, term_id, memory_id, tf, length, layer)
    SELECT k.project_id, k.id, ids[x.place], x.tf, lengths[x.place], layers[x.place]
    FROM unnest(places, terms, frequencies) AS x (place, term, tf)
    JOIN unnest(term_projects, known_terms, term_ids) AS k (project_id, term, id)
        ON k.project_id = project_ids[x.place] AND k.term = x.term
    ORDER BY layers[x.place], k.id;
END
$$;

CREATE OR REPLACE FUNCTION athena.add_to_index(
    project_ids integer[], layers athena.layer[], ids bigint[], contents text[], alsos text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    places integer[]; terms text[]; frequencies integer[]; owns integer[]; lengths integer[];
    counted_projects integer[]; counted_terms text[]; counts bigint[];
    term_projects integer[]; known_terms text[]; term_ids integer[];
BEGIN
    SELECT array_agg(x.place), array_agg(x.term), array_agg(x.tf), array_agg(x.own)
    INTO places, terms, frequencies, owns
    FROM athena.terms_of_each(athena.search_config(), contents, alsos) AS x;
    lengths := athena.lengths_of(places, owns, cardinality(ids));
    INSERT INTO athena.layer_totals (project_id, layer, memories, terms)
    SELECT d.project_id, d.layer, count(*), sum(d.length)
    FROM unnest(project_ids, layers, lengths) AS d (project_id, layer, length) GROUP BY d.project_id, d.layer
    ON CONFLICT (project_id, layer) DO UPDATE
    SET memories = layer_totals.memories + excluded.memories, terms = layer_totals.terms + excluded.terms;
    SELECT array_agg(c.project_id), array_agg(c.term), array_agg(c.df)
    INTO counted_projects, counted_terms, counts
    FROM (
        SELECT project_ids[x.place] AS project_id, x.term, count(*) AS df FROM unnest(places, terms) AS x (place, term)
        GROUP BY 1, 2
    ) AS c;
    WITH known AS (
        UPDATE athena.terms k SET df = k.df + c.df
        FROM unnest(counted_projects, counted_terms, counts) AS c (project_id, term, df)
        WHERE k.project_id = c.project_id AND k.term = c.term
        RETURNING k.project_id, k.term, k.id
    )
    SELECT array_agg(project_id), array_agg(known.term), array_agg(id) INTO term_projects, known_terms, term_ids FROM known;
    WITH made AS (
        INSERT INTO athena.terms (project_id, term, df)
        SELECT c.project_id, c.term, c.df
        FROM unnest(counted_projects, counted_terms, counts) AS c (project_id, term, df)
        WHERE NOT EXISTS (SELECT 1 FROM athena.terms k WHERE k.project_id = c.project_id AND k.term = c.term)
        RETURNING project_id, term, id
    )
    SELECT term_projects || array_agg(project_id), known_terms || array_agg(made.term), term_ids || array_agg(id)
    INTO term_projects, known_terms, term_ids FROM made;
    PERFORM athena.add_postings(
        project_ids, layers, ids, lengths, places, terms, frequencies, term_projects, known_terms, term_ids);
END
$$;

CREATE OR REPLACE FUNCTION athena.remove_from_index(
    project_ids integer[], layers athena.layer[], ids bigint[], contents text[], alsos text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    places integer[]; terms text[]; owns integer[]; term_ids integer[];
    counted_projects integer[]; counted_terms text[]; counts bigint[];
BEGIN
    SELECT array_agg(x.place), array_agg(x.term), array_agg(x.own), array_agg(k.id)
    INTO places, terms, owns, term_ids
    FROM athena.terms_of_each(athena.search_config(), contents, alsos) AS x
    JOIN athena.terms k ON k.project_id = project_ids[x.place] AND k.term = x.term;
    UPDATE athena.layer_totals lt SET memories = lt.memories - gone.memories, terms = lt.terms - gone.terms
    FROM (
        SELECT d.project_id, d.layer, count(*) AS memories, sum(d.length) AS terms
        FROM unnest(project_ids, layers, athena.lengths_of(places, owns, cardinality(ids)))
            AS d (project_id, layer, length)
        GROUP BY d.project_id, d.layer
    ) AS gone
    WHERE lt.project_id = gone.project_id AND lt.layer = gone.layer;
    -- Joined to the terms instead of to their ids, it would read every posting of a term to find the memory's own.
    DELETE FROM athena.postings o
    USING (
        SELECT project_ids[x.place] AS project_id, x.term_id, ids[x.place] AS id, layers[x.place] AS layer
        FROM unnest(places, term_ids) AS x (place, term_id) OFFSET 0
    ) AS x
    WHERE o.project_id = x.project_id AND o.term_id = x.term_id AND o.memory_id = x.id AND o.layer = x.layer;
    SELECT array_agg(c.project_id), array_agg(c.term), array_agg(c.df)
    INTO counted_projects, counted_terms, counts
    FROM (
        SELECT project_ids[x.place] AS project_id, x.term, count(*) AS df FROM unnest(places, terms) AS x (place, term)
        GROUP BY 1, 2
    ) AS c;
    UPDATE athena.terms k SET df = k.df - c.df
    FROM unnest(counted_projects, counted_terms, counts) AS c (project_id, term, df)
    WHERE k.project_id = c.project_id AND k.term = c.term;
    -- Terms that nothing has any more.
    DELETE FROM athena.terms k USING unnest(counted_projects, counted_terms) AS c (project_id, term)
    WHERE k.project_id = c.project_id AND k.term = c.term AND k.df = 0;
END
$$;
