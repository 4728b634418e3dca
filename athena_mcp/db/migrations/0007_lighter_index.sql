-- The lexical index is kept with less work: the text and what else leads to it are taken apart once each, a new term is
-- written with its frequency, and no index is in the way of updating a frequency in place (a heap-only tuple), which a
-- memory does some thirty times.

-- The terms of a memory with their frequencies, and its length: that of the text alone, since what else it is found by does
-- not make it a long one. Every row has the same length; a memory without any term has one row without a term.
CREATE FUNCTION athena.document_terms(config regconfig, content text, also text)
RETURNS TABLE (term text, tf integer, length integer)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 40 AS $$
DECLARE
    terms text[]; frequencies integer[]; total integer;
BEGIN
    SELECT array_agg(x.term), array_agg(x.tf), least(coalesce(sum(x.tf), 1), 32767)
    INTO terms, frequencies, total FROM athena.terms_of(config, content) AS x;
    IF also <> '' THEN
        RETURN QUERY
        SELECT x.term, least(sum(x.tf), 32767)::integer, total FROM (
            SELECT * FROM unnest(terms, frequencies) AS w (term, tf)
            UNION ALL SELECT * FROM athena.terms_of(config, also)
        ) AS x GROUP BY x.term;
    ELSE
        RETURN QUERY SELECT w.term, w.tf, total FROM unnest(terms, frequencies) AS w (term, tf);
    END IF;
    IF NOT FOUND THEN
        RETURN QUERY SELECT NULL::text, NULL::integer, total;
    END IF;
END
$$;

-- A posting for each term of each memory; the ids of the terms are in the last three. Joined by hash, whatever the session
-- prefers for its small statements: looking up each of a batch's postings would take twice as long.
CREATE FUNCTION athena.add_postings(
    project_ids integer[], layers athena.layer[], ids bigint[], terms text[], frequencies integer[], lengths integer[],
    term_projects integer[], known_terms text[], term_ids integer[])
RETURNS void LANGUAGE plpgsql SET enable_hashjoin = on SET enable_nestloop = off SET enable_mergejoin = off AS $$
BEGIN
    -- In the order of the index, so that its pages are filled one after the other.
    INSERT INTO athena.postings (project_id, term_id, memory_id, tf, length, layer)
    SELECT x.project_id, k.id, x.id, x.tf, x.length, x.layer
    FROM unnest(project_ids, layers, ids, terms, frequencies, lengths) AS x (project_id, layer, id, term, tf, length)
    JOIN unnest(term_projects, known_terms, term_ids) AS k (project_id, term, id)
        ON k.project_id = x.project_id AND k.term = x.term
    ORDER BY x.layer, k.id;
END
$$;

CREATE OR REPLACE FUNCTION athena.add_to_index(
    project_ids integer[], layers athena.layer[], ids bigint[], contents text[], alsos text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    config regconfig := athena.search_config();
    p integer[]; l athena.layer[]; m bigint[]; t text[]; f integer[]; n integer[];
    counted_projects integer[]; counted_terms text[]; counts bigint[];
    term_projects integer[]; terms text[]; term_ids integer[];
BEGIN
    SELECT array_agg(d.project_id), array_agg(d.layer), array_agg(d.id), array_agg(x.term), array_agg(x.tf),
        array_agg(x.length)
    INTO p, l, m, t, f, n
    FROM unnest(project_ids, layers, ids, contents, alsos) AS d (project_id, layer, id, content, also)
    CROSS JOIN LATERAL athena.document_terms(config, d.content, d.also) AS x;
    IF p IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO athena.layer_totals (project_id, layer, memories, terms)
    SELECT d.project_id, d.layer, count(*), sum(d.length)
    FROM (SELECT DISTINCT project_id, layer, id, length FROM unnest(p, l, m, n) AS x (project_id, layer, id, length)) AS d
    GROUP BY d.project_id, d.layer
    ON CONFLICT (project_id, layer) DO UPDATE
    SET memories = layer_totals.memories + excluded.memories, terms = layer_totals.terms + excluded.terms;
    SELECT array_agg(c.project_id), array_agg(c.term), array_agg(c.df)
    INTO counted_projects, counted_terms, counts
    FROM (
        SELECT project_id, term, count(*) AS df FROM unnest(p, t) AS x (project_id, term)
        WHERE term IS NOT NULL GROUP BY 1, 2
    ) AS c;
    WITH known AS (
        UPDATE athena.terms k SET df = k.df + c.df
        FROM unnest(counted_projects, counted_terms, counts) AS c (project_id, term, df)
        WHERE k.project_id = c.project_id AND k.term = c.term
        RETURNING k.project_id, k.term, k.id
    )
    SELECT array_agg(project_id), array_agg(known.term), array_agg(id) INTO term_projects, terms, term_ids FROM known;
    WITH made AS (
        INSERT INTO athena.terms (project_id, term, df)
        SELECT c.project_id, c.term, c.df
        FROM unnest(counted_projects, counted_terms, counts) AS c (project_id, term, df)
        WHERE NOT EXISTS (SELECT 1 FROM athena.terms k WHERE k.project_id = c.project_id AND k.term = c.term)
        RETURNING project_id, term, id
    )
    SELECT term_projects || array_agg(project_id), terms || array_agg(made.term), term_ids || array_agg(id)
    INTO term_projects, terms, term_ids FROM made;
    PERFORM athena.add_postings(p, l, m, t, f, n, term_projects, terms, term_ids);
END
$$;

CREATE OR REPLACE FUNCTION athena.remove_from_index(
    project_ids integer[], layers athena.layer[], ids bigint[], contents text[], alsos text[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    config regconfig := athena.search_config();
    p integer[]; l athena.layer[]; m bigint[]; t text[]; n integer[];
    counted_projects integer[]; counted_terms text[]; counts bigint[];
BEGIN
    SELECT array_agg(d.project_id), array_agg(d.layer), array_agg(d.id), array_agg(x.term), array_agg(x.length)
    INTO p, l, m, t, n
    FROM unnest(project_ids, layers, ids, contents, alsos) AS d (project_id, layer, id, content, also)
    CROSS JOIN LATERAL athena.document_terms(config, d.content, d.also) AS x;
    IF p IS NULL THEN
        RETURN;
    END IF;
    UPDATE athena.layer_totals lt SET memories = lt.memories - gone.memories, terms = lt.terms - gone.terms
    FROM (
        SELECT d.project_id, d.layer, count(*) AS memories, sum(d.length) AS terms
        FROM (SELECT DISTINCT project_id, layer, id, length FROM unnest(p, l, m, n) AS x (project_id, layer, id, length)) AS d
        GROUP BY d.project_id, d.layer
    ) AS gone
    WHERE lt.project_id = gone.project_id AND lt.layer = gone.layer;
    SELECT array_agg(c.project_id), array_agg(c.term), array_agg(c.df)
    INTO counted_projects, counted_terms, counts
    FROM (
        SELECT project_id, term, count(*) AS df FROM unnest(p, t) AS x (project_id, term)
        WHERE term IS NOT NULL GROUP BY 1, 2
    ) AS c;
    DELETE FROM athena.postings o
    USING unnest(p, m, t) AS x (project_id, id, term), athena.terms k
    WHERE k.project_id = x.project_id AND k.term = x.term
        AND o.project_id = x.project_id AND o.term_id = k.id AND o.memory_id = x.id;
    UPDATE athena.terms k SET df = k.df - c.df
    FROM unnest(counted_projects, counted_terms, counts) AS c (project_id, term, df)
    WHERE k.project_id = c.project_id AND k.term = c.term;
    -- Terms that nothing has any more.
    DELETE FROM athena.terms k USING unnest(counted_projects, counted_terms) AS c (project_id, term)
    WHERE k.project_id = c.project_id AND k.term = c.term AND k.df = 0;
END
$$;

DROP INDEX athena.terms_unused;

-- Where a word occurs hundreds of times, both parts together were counted up to a limit that each has to itself now.
UPDATE athena.postings p SET tf = x.tf
FROM athena.memories m
CROSS JOIN LATERAL athena.document_terms(athena.search_config(), m.content, m.also) AS x
JOIN athena.terms k ON k.project_id = m.project_id AND k.term = x.term
WHERE m.superseded_at IS NULL AND m.also <> '' AND length(m.content) + length(m.also) > 512
    AND p.project_id = m.project_id AND p.term_id = k.id AND p.memory_id = m.id AND p.layer = m.layer AND p.tf <> x.tf;
