SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA athena;
CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA athena;
COMMENT ON EXTENSION vector IS 'vector data type and ivfflat and hnsw access methods';
CREATE TYPE athena.episodic_kind AS ENUM (
    'event',
    'error',
    'test_run',
    'decision',
    'change',
    'conversation'
);
CREATE TYPE athena.layer AS ENUM (
    'episodic',
    'semantic',
    'procedural',
    'prospective',
    'graph'
);
CREATE TYPE athena.outcome AS ENUM (
    'success',
    'failure',
    'partial',
    'ongoing'
);
CREATE TYPE athena.priority AS ENUM (
    'low',
    'medium',
    'high',
    'critical'
);
CREATE TYPE athena.semantic_kind AS ENUM (
    'fact',
    'decision',
    'preference',
    'pattern'
);
CREATE TYPE athena.task_status AS ENUM (
    'pending',
    'in_progress',
    'blocked',
    'completed',
    'cancelled'
);
CREATE TYPE athena.trigger_kind AS ENUM (
    'time',
    'file',
    'branch',
    'phrase'
);
CREATE FUNCTION athena.add_postings(project_ids integer[], layers athena.layer[], ids bigint[], lengths integer[], places integer[], terms text[], frequencies integer[], term_projects integer[], known_terms text[], term_ids integer[]) RETURNS void
    LANGUAGE plpgsql
    SET enable_hashjoin TO 'on'
    SET enable_nestloop TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
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
CREATE FUNCTION athena.add_to_index(project_ids integer[], layers athena.layer[], ids bigint[], contents text[], alsos text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION athena.admit(account text, project text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    subject record;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname = admit.account) THEN
        RAISE EXCEPTION 'there is no account %; create it first', quote_literal(account);
    END IF;
    INSERT INTO athena.accounts (account, project) VALUES (admit.account, admit.project) ON CONFLICT DO NOTHING;
    EXECUTE format('GRANT USAGE ON SCHEMA athena TO %I', account);
    EXECUTE format('GRANT USAGE ON SEQUENCE %s TO %I', pg_get_serial_sequence('athena.memories', 'id'), account);
    EXECUTE format('GRANT SELECT ON athena.accounts, athena.settings, athena.migrations, athena.embedders TO %I', account);
    FOR subject IN
        SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'athena' AND c.relkind IN ('r', 'p') AND c.relrowsecurity AND c.relname <> 'accounts'
    LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON athena.%I TO %I', subject.relname, account);
    END LOOP;
END
$$;
CREATE FUNCTION athena.apart(body text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN regexp_replace(regexp_replace(regexp_replace(body, '([a-z0-9])([A-Z])'::text, '\1 \2'::text, 'g'::text), '([A-Z])([A-Z][a-z])'::text, '\1 \2'::text, 'g'::text), '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2010-\u205f\u3000-\u303f\uff00-\uff0f\uff1a-\uff20]+'::text, ' '::text, 'g'::text);
CREATE FUNCTION athena.covers(rule text, project text) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN ((rule = project) OR (("right"(rule, 2) = '/*'::text) AND starts_with(project, "left"(rule, '-1'::integer))));
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE athena.accounts (
    account text NOT NULL,
    project text NOT NULL,
    admitted_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT accounts_account_check CHECK (((length(account) >= 1) AND (length(account) <= 63))),
    CONSTRAINT accounts_project_check CHECK (((length(project) >= 1) AND (length(project) <= 200)))
);
CREATE FUNCTION athena.dismiss(account text, project text) RETURNS void
    LANGUAGE sql
    BEGIN ATOMIC
 DELETE FROM athena.accounts a
   WHERE ((a.account = dismiss.account) AND (a.project = dismiss.project));
END;
CREATE FUNCTION athena.is_mine(account text) RETURNS boolean
    LANGUAGE sql STABLE
    RETURN (EXISTS (SELECT 1 FROM pg_roles r WHERE ((r.rolname = is_mine.account) AND pg_has_role(r.oid, 'MEMBER'::text))));
CREATE FUNCTION athena.keep_index() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION athena.lengths_of(places integer[], owns integer[], memories integer) RETURNS integer[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (SELECT array_agg(d.length ORDER BY d.place) AS array_agg FROM (SELECT x.place, (LEAST(GREATEST(sum(x.own), (1)::bigint), (32767)::bigint))::integer AS length FROM (SELECT unnest.unnest, unnest.unnest_1 AS unnest FROM UNNEST(lengths_of.places, lengths_of.owns) unnest(unnest, unnest_1) UNION ALL SELECT generate_series(1, lengths_of.memories) AS generate_series, 0) x(place, own) GROUP BY x.place) d);
CREATE FUNCTION athena.lock_projects(project_ids integer[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM 1 FROM athena.projects WHERE id = ANY (project_ids) ORDER BY id FOR NO KEY UPDATE;
END
$$;
CREATE FUNCTION athena.query_terms_of(config regconfig, query text) RETURNS TABLE(term text, whole boolean)
    LANGUAGE plpgsql STABLE ROWS 20 PARALLEL SAFE
    AS $$
DECLARE
    asking CONSTANT text[] := ARRAY['would', 'could', 'might', 'must', 'may', 'shall', 'us', 'mani', 'much', 'tell'];
    identifier CONSTANT text :=
        '[A-Za-z0-9_]*[A-Za-z][A-Za-z0-9_]*(?:[-./:@#+][A-Za-z0-9_]+)+|[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+|[A-Za-z]*(?:[a-z0-9][A-Z]|[A-Z]{2}[a-z])[A-Za-z0-9]*|[0-9]+(?:[.-][0-9A-Za-z]+)+';
    plain text[];
BEGIN
    -- Every word of the query, those inside of identifiers too.
    plain := tsvector_to_array(to_tsvector(config, lower(athena.apart(query))));
    RETURN QUERY
    SELECT t.term, NOT t.term = ANY (plain) AND query ~ identifier AND t.term ~ '[[:ascii:]]'
    FROM athena.terms_of(config, query) AS t
    WHERE config <> 'english'::regconfig OR NOT t.term = ANY (asking);
    IF NOT FOUND THEN
        RETURN QUERY SELECT t.term, false FROM athena.terms_of(config, query) AS t;
    END IF;
END
$$;
CREATE FUNCTION athena.remove_from_index(project_ids integer[], layers athena.layer[], ids bigint[], contents text[], alsos text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
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
CREATE TABLE athena.settings (
    name text NOT NULL,
    value text NOT NULL
);
CREATE FUNCTION athena.search_config() RETURNS regconfig
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (SELECT (settings.value)::regconfig AS value FROM athena.settings WHERE (settings.name = 'language'::text));
CREATE FUNCTION athena.terms_of_each(config regconfig, contents text[], alsos text[]) RETURNS TABLE(place integer, term text, tf integer, own integer)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
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
CREATE FUNCTION athena.terms_of(config regconfig, body text) RETURNS TABLE(term text, tf integer)
    LANGUAGE sql STABLE ROWS 40 PARALLEL SAFE
    BEGIN ATOMIC
 SELECT t.term,
     t.tf
    FROM athena.terms_of_each(terms_of.config, ARRAY[terms_of.body], ARRAY[''::text]) t(place, term, tf, own);
END;
CREATE TABLE athena.embedders (
    id smallint NOT NULL,
    name text NOT NULL,
    dimension integer NOT NULL,
    active boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT embedders_dimension_check CHECK (((dimension >= 1) AND (dimension <= 4000))),
    CONSTRAINT embedders_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)))
);
ALTER TABLE athena.embedders ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME athena.embedders_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE athena.entities (
    project_id integer NOT NULL,
    id bigint NOT NULL,
    name text NOT NULL,
    name_key text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT entities_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT entities_name_key_check CHECK ((length(name_key) >= 1))
);
ALTER TABLE athena.entities ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME athena.entities_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE athena.episodic_details (
    project_id integer NOT NULL,
    memory_id bigint NOT NULL,
    kind athena.episodic_kind DEFAULT 'event'::athena.episodic_kind NOT NULL,
    outcome athena.outcome,
    files text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT episodic_details_files_check CHECK ((cardinality(files) <= 100))
);
CREATE TABLE athena.layer_totals (
    project_id integer NOT NULL,
    layer athena.layer NOT NULL,
    memories bigint DEFAULT 0 NOT NULL,
    terms bigint DEFAULT 0 NOT NULL,
    CONSTRAINT layer_totals_memories_check CHECK ((memories >= 0)),
    CONSTRAINT layer_totals_terms_check CHECK ((terms >= 0))
)
WITH (fillfactor='50');
CREATE TABLE athena.memories (
    project_id integer NOT NULL,
    id bigint NOT NULL,
    layer athena.layer NOT NULL,
    content text NOT NULL,
    content_hash bytea NOT NULL,
    also text DEFAULT ''::text NOT NULL,
    occurred_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    at timestamp with time zone GENERATED ALWAYS AS (COALESCE(occurred_at, created_at)) STORED NOT NULL,
    session_id text NOT NULL,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    importance double precision DEFAULT 0.5 NOT NULL,
    key text,
    about_id bigint,
    superseded_by bigint,
    superseded_at timestamp with time zone,
    CONSTRAINT memories_also_check CHECK ((length(also) <= 16384)),
    CONSTRAINT memories_check CHECK (((superseded_by IS NULL) OR (superseded_at IS NOT NULL))),
    CONSTRAINT memories_content_check CHECK (((length(content) >= 1) AND (length(content) <= 16384))),
    CONSTRAINT memories_content_hash_check CHECK ((octet_length(content_hash) = 32)),
    CONSTRAINT memories_importance_check CHECK (((importance >= (0)::double precision) AND (importance <= (1)::double precision))),
    CONSTRAINT memories_key_check CHECK (((length(key) >= 1) AND (length(key) <= 200))),
    CONSTRAINT memories_session_id_check CHECK (((length(session_id) >= 1) AND (length(session_id) <= 200))),
    CONSTRAINT memories_tags_check CHECK ((cardinality(tags) <= 32))
);
ALTER TABLE athena.memories ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME athena.memories_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE athena.migrations (
    number integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE athena.postings (
    project_id integer NOT NULL,
    term_id integer NOT NULL,
    memory_id bigint NOT NULL,
    tf smallint NOT NULL,
    length smallint NOT NULL,
    layer athena.layer NOT NULL,
    CONSTRAINT postings_length_check CHECK ((length > 0)),
    CONSTRAINT postings_tf_check CHECK ((tf > 0))
)
PARTITION BY LIST (layer);
CREATE TABLE athena.postings_episodic (
    project_id integer CONSTRAINT postings_project_id_not_null NOT NULL,
    term_id integer CONSTRAINT postings_term_id_not_null NOT NULL,
    memory_id bigint CONSTRAINT postings_memory_id_not_null NOT NULL,
    tf smallint CONSTRAINT postings_tf_not_null NOT NULL,
    length smallint CONSTRAINT postings_length_not_null NOT NULL,
    layer athena.layer CONSTRAINT postings_layer_not_null NOT NULL,
    CONSTRAINT postings_length_check CHECK ((length > 0)),
    CONSTRAINT postings_tf_check CHECK ((tf > 0))
);
CREATE TABLE athena.postings_graph (
    project_id integer CONSTRAINT postings_project_id_not_null NOT NULL,
    term_id integer CONSTRAINT postings_term_id_not_null NOT NULL,
    memory_id bigint CONSTRAINT postings_memory_id_not_null NOT NULL,
    tf smallint CONSTRAINT postings_tf_not_null NOT NULL,
    length smallint CONSTRAINT postings_length_not_null NOT NULL,
    layer athena.layer CONSTRAINT postings_layer_not_null NOT NULL,
    CONSTRAINT postings_length_check CHECK ((length > 0)),
    CONSTRAINT postings_tf_check CHECK ((tf > 0))
);
CREATE TABLE athena.postings_procedural (
    project_id integer CONSTRAINT postings_project_id_not_null NOT NULL,
    term_id integer CONSTRAINT postings_term_id_not_null NOT NULL,
    memory_id bigint CONSTRAINT postings_memory_id_not_null NOT NULL,
    tf smallint CONSTRAINT postings_tf_not_null NOT NULL,
    length smallint CONSTRAINT postings_length_not_null NOT NULL,
    layer athena.layer CONSTRAINT postings_layer_not_null NOT NULL,
    CONSTRAINT postings_length_check CHECK ((length > 0)),
    CONSTRAINT postings_tf_check CHECK ((tf > 0))
);
CREATE TABLE athena.postings_prospective (
    project_id integer CONSTRAINT postings_project_id_not_null NOT NULL,
    term_id integer CONSTRAINT postings_term_id_not_null NOT NULL,
    memory_id bigint CONSTRAINT postings_memory_id_not_null NOT NULL,
    tf smallint CONSTRAINT postings_tf_not_null NOT NULL,
    length smallint CONSTRAINT postings_length_not_null NOT NULL,
    layer athena.layer CONSTRAINT postings_layer_not_null NOT NULL,
    CONSTRAINT postings_length_check CHECK ((length > 0)),
    CONSTRAINT postings_tf_check CHECK ((tf > 0))
);
CREATE TABLE athena.postings_semantic (
    project_id integer CONSTRAINT postings_project_id_not_null NOT NULL,
    term_id integer CONSTRAINT postings_term_id_not_null NOT NULL,
    memory_id bigint CONSTRAINT postings_memory_id_not_null NOT NULL,
    tf smallint CONSTRAINT postings_tf_not_null NOT NULL,
    length smallint CONSTRAINT postings_length_not_null NOT NULL,
    layer athena.layer CONSTRAINT postings_layer_not_null NOT NULL,
    CONSTRAINT postings_length_check CHECK ((length > 0)),
    CONSTRAINT postings_tf_check CHECK ((tf > 0))
);
CREATE TABLE athena.procedural_details (
    project_id integer NOT NULL,
    memory_id bigint NOT NULL,
    steps text[] DEFAULT '{}'::text[] NOT NULL,
    applies_when text,
    successes integer DEFAULT 0 NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    CONSTRAINT procedural_details_applies_when_check CHECK ((length(applies_when) <= 2000)),
    CONSTRAINT procedural_details_failures_check CHECK ((failures >= 0)),
    CONSTRAINT procedural_details_steps_check CHECK ((cardinality(steps) <= 100)),
    CONSTRAINT procedural_details_successes_check CHECK ((successes >= 0))
);
CREATE TABLE athena.projects (
    id integer NOT NULL,
    name text NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT projects_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)))
)
WITH (fillfactor='50');
ALTER TABLE athena.projects ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME athena.projects_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE athena.prospective_details (
    project_id integer NOT NULL,
    memory_id bigint NOT NULL,
    status athena.task_status DEFAULT 'pending'::athena.task_status NOT NULL,
    priority athena.priority DEFAULT 'medium'::athena.priority NOT NULL,
    due_at timestamp with time zone
);
CREATE TABLE athena.prospective_triggers (
    project_id integer NOT NULL,
    memory_id bigint NOT NULL,
    "position" smallint NOT NULL,
    kind athena.trigger_kind NOT NULL,
    value text NOT NULL,
    fires_at timestamp with time zone,
    CONSTRAINT prospective_triggers_check CHECK (((kind = 'time'::athena.trigger_kind) = (fires_at IS NOT NULL))),
    CONSTRAINT prospective_triggers_value_check CHECK (((length(value) >= 1) AND (length(value) <= 2000)))
);
CREATE TABLE athena.relations (
    project_id integer NOT NULL,
    id bigint NOT NULL,
    memory_id bigint NOT NULL,
    subject_id bigint NOT NULL,
    relation text NOT NULL,
    relation_key text NOT NULL,
    object_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    ended_by bigint,
    CONSTRAINT relations_relation_check CHECK (((length(relation) >= 1) AND (length(relation) <= 200))),
    CONSTRAINT relations_relation_key_check CHECK ((length(relation_key) >= 1))
);
ALTER TABLE athena.relations ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME athena.relations_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE athena.semantic_details (
    project_id integer NOT NULL,
    memory_id bigint NOT NULL,
    kind athena.semantic_kind DEFAULT 'fact'::athena.semantic_kind NOT NULL,
    confidence double precision,
    source text,
    CONSTRAINT semantic_details_confidence_check CHECK (((confidence >= (0)::double precision) AND (confidence <= (1)::double precision))),
    CONSTRAINT semantic_details_source_check CHECK ((length(source) <= 2000))
);
CREATE TABLE athena.server_snapshots (
    server_id text NOT NULL,
    published_at timestamp with time zone DEFAULT now() NOT NULL,
    snapshot jsonb NOT NULL,
    account text DEFAULT CURRENT_USER NOT NULL
);
CREATE TABLE athena.terms (
    project_id integer NOT NULL,
    term text NOT NULL,
    id integer NOT NULL,
    df integer NOT NULL,
    CONSTRAINT terms_df_check CHECK ((df >= 0))
)
WITH (fillfactor='70');
ALTER TABLE athena.terms ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME athena.terms_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE athena.vectors (
    project_id integer NOT NULL,
    memory_id bigint NOT NULL,
    embedder_id smallint NOT NULL,
    layer athena.layer NOT NULL,
    embedding athena.halfvec NOT NULL
)
PARTITION BY LIST (layer);
ALTER TABLE ONLY athena.vectors ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE TABLE athena.vectors_episodic (
    project_id integer CONSTRAINT vectors_project_id_not_null NOT NULL,
    memory_id bigint CONSTRAINT vectors_memory_id_not_null NOT NULL,
    embedder_id smallint CONSTRAINT vectors_embedder_id_not_null NOT NULL,
    layer athena.layer CONSTRAINT vectors_layer_not_null NOT NULL,
    embedding athena.halfvec CONSTRAINT vectors_embedding_not_null NOT NULL
);
ALTER TABLE ONLY athena.vectors_episodic ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE TABLE athena.vectors_graph (
    project_id integer CONSTRAINT vectors_project_id_not_null NOT NULL,
    memory_id bigint CONSTRAINT vectors_memory_id_not_null NOT NULL,
    embedder_id smallint CONSTRAINT vectors_embedder_id_not_null NOT NULL,
    layer athena.layer CONSTRAINT vectors_layer_not_null NOT NULL,
    embedding athena.halfvec CONSTRAINT vectors_embedding_not_null NOT NULL
);
ALTER TABLE ONLY athena.vectors_graph ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE TABLE athena.vectors_procedural (
    project_id integer CONSTRAINT vectors_project_id_not_null NOT NULL,
    memory_id bigint CONSTRAINT vectors_memory_id_not_null NOT NULL,
    embedder_id smallint CONSTRAINT vectors_embedder_id_not_null NOT NULL,
    layer athena.layer CONSTRAINT vectors_layer_not_null NOT NULL,
    embedding athena.halfvec CONSTRAINT vectors_embedding_not_null NOT NULL
);
ALTER TABLE ONLY athena.vectors_procedural ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE TABLE athena.vectors_prospective (
    project_id integer CONSTRAINT vectors_project_id_not_null NOT NULL,
    memory_id bigint CONSTRAINT vectors_memory_id_not_null NOT NULL,
    embedder_id smallint CONSTRAINT vectors_embedder_id_not_null NOT NULL,
    layer athena.layer CONSTRAINT vectors_layer_not_null NOT NULL,
    embedding athena.halfvec CONSTRAINT vectors_embedding_not_null NOT NULL
);
ALTER TABLE ONLY athena.vectors_prospective ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE TABLE athena.vectors_semantic (
    project_id integer CONSTRAINT vectors_project_id_not_null NOT NULL,
    memory_id bigint CONSTRAINT vectors_memory_id_not_null NOT NULL,
    embedder_id smallint CONSTRAINT vectors_embedder_id_not_null NOT NULL,
    layer athena.layer CONSTRAINT vectors_layer_not_null NOT NULL,
    embedding athena.halfvec CONSTRAINT vectors_embedding_not_null NOT NULL
);
ALTER TABLE ONLY athena.vectors_semantic ALTER COLUMN embedding SET STORAGE PLAIN;
ALTER TABLE ONLY athena.postings ATTACH PARTITION athena.postings_episodic FOR VALUES IN ('episodic');
ALTER TABLE ONLY athena.postings ATTACH PARTITION athena.postings_graph FOR VALUES IN ('graph');
ALTER TABLE ONLY athena.postings ATTACH PARTITION athena.postings_procedural FOR VALUES IN ('procedural');
ALTER TABLE ONLY athena.postings ATTACH PARTITION athena.postings_prospective FOR VALUES IN ('prospective');
ALTER TABLE ONLY athena.postings ATTACH PARTITION athena.postings_semantic FOR VALUES IN ('semantic');
ALTER TABLE ONLY athena.vectors ATTACH PARTITION athena.vectors_episodic FOR VALUES IN ('episodic');
ALTER TABLE ONLY athena.vectors ATTACH PARTITION athena.vectors_graph FOR VALUES IN ('graph');
ALTER TABLE ONLY athena.vectors ATTACH PARTITION athena.vectors_procedural FOR VALUES IN ('procedural');
ALTER TABLE ONLY athena.vectors ATTACH PARTITION athena.vectors_prospective FOR VALUES IN ('prospective');
ALTER TABLE ONLY athena.vectors ATTACH PARTITION athena.vectors_semantic FOR VALUES IN ('semantic');
INSERT INTO athena.embedders OVERRIDING SYSTEM VALUE VALUES (1, 'wordllama/l2_supercat_256', 256, true, '2026-11-30 02:31:14.614132+00');
INSERT INTO athena.entities OVERRIDING SYSTEM VALUE VALUES (1, 1, 'Billing', 'billing', '2026-11-30 02:31:14.603358+00');
INSERT INTO athena.entities OVERRIDING SYSTEM VALUE VALUES (1, 2, 'beta', 'beta', '2026-11-30 02:31:14.603358+00');
INSERT INTO athena.episodic_details VALUES (1, 4, 'event', 'success', '{a.py}');
INSERT INTO athena.layer_totals VALUES (2, 'semantic', 1, 7);
INSERT INTO athena.layer_totals VALUES (1, 'semantic', 1, 4);
INSERT INTO athena.layer_totals VALUES (1, 'procedural', 1, 2);
INSERT INTO athena.layer_totals VALUES (1, 'episodic', 1, 3);
INSERT INTO athena.layer_totals VALUES (1, 'graph', 1, 3);
INSERT INTO athena.layer_totals VALUES (1, 'prospective', 1, 2);
INSERT INTO athena.memories VALUES (1, 1, 'semantic', 'Staging listens on port 80.', '\x93e961950740f342dcf48a1d2e044f6cd165740bbc53766213b60b41d9811635', 'net', NULL, '2026-01-02 03:04:05.000006+00', '2026-01-02 03:04:05.000006+00', DEFAULT, 'then', '{net}', 0.5, NULL, NULL, 2, '2026-01-03 00:00:00.5+00');
INSERT INTO athena.memories VALUES (1, 2, 'semantic', 'Staging listens on port 8443.', '\x8e4b9b311c2bd04d185b6d18f4e6145c98efeca38bd27d7d68f6957293a71fdc', '', NULL, '2026-01-02 03:04:05.000006+00', '2026-01-02 03:04:05.000006+00', DEFAULT, 'then', '{}', 0.9, 'port', NULL, NULL, NULL);
INSERT INTO athena.memories VALUES (1, 3, 'procedural', 'How to cut a release', '\x148f77a8fdd075079f23737c988d86d23ccbc5bc86340aea8405ae52a85fa8b4', 'Friday
tag
push', NULL, '2026-01-02 03:04:05.000006+00', '2026-01-02 03:04:05.000006+00', DEFAULT, 'then', '{}', 0.5, NULL, NULL, NULL, NULL);
INSERT INTO athena.memories VALUES (1, 4, 'episodic', 'The release went well', '\xa65f53bb6d532c8b97aac3250cee5bd2c1bcbf7142dae2595e41cce970342f5a', 'a.py', '2026-01-02 00:00:00.000001+00', '2026-01-02 03:04:05.000006+00', '2026-01-02 03:04:05.000006+00', DEFAULT, 'then', '{}', 0.5, NULL, 3, NULL, NULL);
INSERT INTO athena.memories VALUES (1, 5, 'prospective', 'Renew the certificate', '\x1aa8fbcc44cb9cac1b04dc1d229b9a7bd5eb92b27bf741bf88313bda1ae1362f', '', NULL, '2026-01-02 03:04:05.000006+00', '2026-01-02 03:04:05.000006+00', DEFAULT, 'then', '{}', 0.5, NULL, NULL, NULL, NULL);
INSERT INTO athena.memories VALUES (1, 6, 'graph', 'Billing runs on beta.', '\x4ec92c7dda08d4089d4879cd6187c9ae6bc5cc7862fff88f2562859c7bb98843', 'Billing runs on beta', NULL, '2026-01-02 03:04:05.000006+00', '2026-01-02 03:04:05.000006+00', DEFAULT, 'then', '{}', 0.5, NULL, NULL, NULL, NULL);
INSERT INTO athena.memories VALUES (2, 7, 'semantic', 'Größenwahn 名前 emoji 🎉 stays.', '\xeb9e43ed535294d70f3cbb2fb848543ea61c04c2433599d3132ab1c56cf06fac', '', NULL, '2026-01-02 03:04:05.000006+00', '2026-01-02 03:04:05.000006+00', DEFAULT, 'then', '{}', 0.5, NULL, NULL, NULL, NULL);
INSERT INTO athena.migrations VALUES (1, 'memories', 'c8b97edb33e583a45aa86ebfefa526ff3b4f35f93d8cf3028ca28e857b1574dc', '2026-11-30 02:31:14.51243+00');
INSERT INTO athena.migrations VALUES (2, 'lexical_index', 'c60f699126b4476b98e38c333600497c17621b702b109c58a7bebb4bb2d5eea6', '2026-11-30 02:31:14.553765+00');
INSERT INTO athena.migrations VALUES (3, 'vectors', '60d77454bf3aa9f1dbb116eb581cc714ac4532c9c869226dbef10fe4aa2b387d', '2026-11-30 02:31:14.568005+00');
INSERT INTO athena.migrations VALUES (4, 'query_terms', 'd756f3d6dacb0e94c4a7bab0b663c304e333290cc637e2982669d06a279781a9', '2026-11-30 02:31:14.579447+00');
INSERT INTO athena.migrations VALUES (5, 'index_what_came_before', 'e686b617b081b70e16e671659ce2d05db672ecd05796ac9dfc6fa2659402396d', '2026-11-30 02:31:14.581388+00');
INSERT INTO athena.migrations VALUES (6, 'accounts', 'ef3dd592d224324d1cfcea06751bed2de37d75175dddfa2e414d46ae37161557', '2026-11-30 02:31:14.58427+00');
INSERT INTO athena.migrations VALUES (7, 'lighter_index', '602f5849c40992b7fe08d81ef36d4b74733573e46d1b42e51916731b55e23574', '2026-11-30 02:31:14.592372+00');
INSERT INTO athena.migrations VALUES (8, 'terms_by_the_batch', 'ff058fe39da53f71cff3966018cf3430ccccceed6c9c42d716a981a9288ff3d9', '2026-11-30 02:31:14.597026+00');
INSERT INTO athena.migrations VALUES (9, 'edges_in_order', '1b1e51d616449ca5f397569fc55df20f267c909dc1f5b9c4ce6f6ea322cda9ed', '2026-11-30 02:31:14.600073+00');
INSERT INTO athena.postings_episodic VALUES (1, 8, 4, 1, 3, 'episodic');
INSERT INTO athena.postings_episodic VALUES (1, 11, 4, 1, 3, 'episodic');
INSERT INTO athena.postings_episodic VALUES (1, 17, 4, 1, 3, 'episodic');
INSERT INTO athena.postings_episodic VALUES (1, 20, 4, 1, 3, 'episodic');
INSERT INTO athena.postings_episodic VALUES (1, 24, 4, 1, 3, 'episodic');
INSERT INTO athena.postings_graph VALUES (1, 1, 6, 2, 3, 'graph');
INSERT INTO athena.postings_graph VALUES (1, 5, 6, 2, 3, 'graph');
INSERT INTO athena.postings_graph VALUES (1, 6, 6, 2, 3, 'graph');
INSERT INTO athena.postings_procedural VALUES (1, 7, 3, 1, 2, 'procedural');
INSERT INTO athena.postings_procedural VALUES (1, 19, 3, 1, 2, 'procedural');
INSERT INTO athena.postings_procedural VALUES (1, 20, 3, 1, 2, 'procedural');
INSERT INTO athena.postings_procedural VALUES (1, 21, 3, 1, 2, 'procedural');
INSERT INTO athena.postings_procedural VALUES (1, 25, 3, 1, 2, 'procedural');
INSERT INTO athena.postings_prospective VALUES (1, 9, 5, 1, 2, 'prospective');
INSERT INTO athena.postings_prospective VALUES (1, 23, 5, 1, 2, 'prospective');
INSERT INTO athena.postings_semantic VALUES (2, 2, 7, 1, 7, 'semantic');
INSERT INTO athena.postings_semantic VALUES (1, 3, 2, 1, 4, 'semantic');
INSERT INTO athena.postings_semantic VALUES (2, 4, 7, 1, 7, 'semantic');
INSERT INTO athena.postings_semantic VALUES (2, 10, 7, 1, 7, 'semantic');
INSERT INTO athena.postings_semantic VALUES (2, 12, 7, 1, 7, 'semantic');
INSERT INTO athena.postings_semantic VALUES (2, 13, 7, 1, 7, 'semantic');
INSERT INTO athena.postings_semantic VALUES (1, 14, 2, 1, 4, 'semantic');
INSERT INTO athena.postings_semantic VALUES (1, 15, 2, 1, 4, 'semantic');
INSERT INTO athena.postings_semantic VALUES (2, 16, 7, 1, 7, 'semantic');
INSERT INTO athena.postings_semantic VALUES (2, 18, 7, 1, 7, 'semantic');
INSERT INTO athena.postings_semantic VALUES (1, 22, 2, 1, 4, 'semantic');
INSERT INTO athena.procedural_details VALUES (1, 3, '{tag,push}', 'Friday', 3, 1);
INSERT INTO athena.projects OVERRIDING SYSTEM VALUE VALUES (1, 'owner/project', 10, '2026-01-01 00:00:00+00');
INSERT INTO athena.projects OVERRIDING SYSTEM VALUE VALUES (2, 'global', 2, '2026-01-01 00:00:00+00');
INSERT INTO athena.prospective_details VALUES (1, 5, 'blocked', 'high', '2030-01-01 00:00:00+00');
INSERT INTO athena.prospective_triggers VALUES (1, 5, 0, 'file', '*.pem', NULL);
INSERT INTO athena.relations OVERRIDING SYSTEM VALUE VALUES (1, 1, 6, 1, 'runs on', 'runs on', 2, '2026-11-30 02:31:14.603358+00', NULL, NULL);
INSERT INTO athena.semantic_details VALUES (1, 1, 'fact', NULL, NULL);
INSERT INTO athena.semantic_details VALUES (1, 2, 'decision', 0, 'ADR 7');
INSERT INTO athena.semantic_details VALUES (2, 7, 'fact', NULL, NULL);
INSERT INTO athena.settings VALUES ('language', 'english');
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'bill', 1, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (2, 'größenwahn', 2, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'listen', 3, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (2, '前', 4, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'beta', 5, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'run', 6, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'push', 7, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'well', 8, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'certif', 9, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (2, 'stay', 10, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'py', 11, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (2, '名', 12, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (2, 'emoji', 13, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, '8443', 14, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'port', 15, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (2, '🎉', 16, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'a.py', 17, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (2, '名前', 18, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'tag', 19, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'releas', 20, 2);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'friday', 21, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'stage', 22, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'renew', 23, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'went', 24, 1);
INSERT INTO athena.terms OVERRIDING SYSTEM VALUE VALUES (1, 'cut', 25, 1);
INSERT INTO athena.vectors_semantic VALUES (1, 2, 1, 'semantic', '[0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625,0.0625]');
SELECT pg_catalog.setval('athena.embedders_id_seq', 1, true);
SELECT pg_catalog.setval('athena.entities_id_seq', 2, true);
SELECT pg_catalog.setval('athena.memories_id_seq', 7, true);
SELECT pg_catalog.setval('athena.projects_id_seq', 2, true);
SELECT pg_catalog.setval('athena.relations_id_seq', 1, true);
SELECT pg_catalog.setval('athena.terms_id_seq', 25, true);
ALTER TABLE ONLY athena.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (account, project);
ALTER TABLE ONLY athena.embedders
    ADD CONSTRAINT embedders_name_dimension_key UNIQUE (name, dimension);
ALTER TABLE ONLY athena.embedders
    ADD CONSTRAINT embedders_pkey PRIMARY KEY (id);
ALTER TABLE ONLY athena.entities
    ADD CONSTRAINT entities_pkey PRIMARY KEY (project_id, id);
ALTER TABLE ONLY athena.entities
    ADD CONSTRAINT entities_project_id_name_key_key UNIQUE (project_id, name_key);
ALTER TABLE ONLY athena.episodic_details
    ADD CONSTRAINT episodic_details_pkey PRIMARY KEY (project_id, memory_id);
ALTER TABLE ONLY athena.layer_totals
    ADD CONSTRAINT layer_totals_pkey PRIMARY KEY (project_id, layer);
ALTER TABLE ONLY athena.memories
    ADD CONSTRAINT memories_pkey PRIMARY KEY (project_id, id);
ALTER TABLE ONLY athena.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (number);
ALTER TABLE ONLY athena.procedural_details
    ADD CONSTRAINT procedural_details_pkey PRIMARY KEY (project_id, memory_id);
ALTER TABLE ONLY athena.projects
    ADD CONSTRAINT projects_name_key UNIQUE (name);
ALTER TABLE ONLY athena.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (id);
ALTER TABLE ONLY athena.prospective_details
    ADD CONSTRAINT prospective_details_pkey PRIMARY KEY (project_id, memory_id);
ALTER TABLE ONLY athena.prospective_triggers
    ADD CONSTRAINT prospective_triggers_pkey PRIMARY KEY (project_id, memory_id, "position");
ALTER TABLE ONLY athena.relations
    ADD CONSTRAINT relations_pkey PRIMARY KEY (project_id, id);
ALTER TABLE ONLY athena.relations
    ADD CONSTRAINT relations_project_id_memory_id_subject_id_relation_key_obje_key UNIQUE (project_id, memory_id, subject_id, relation_key, object_id);
ALTER TABLE ONLY athena.semantic_details
    ADD CONSTRAINT semantic_details_pkey PRIMARY KEY (project_id, memory_id);
ALTER TABLE ONLY athena.server_snapshots
    ADD CONSTRAINT server_snapshots_pkey PRIMARY KEY (server_id);
ALTER TABLE ONLY athena.settings
    ADD CONSTRAINT settings_pkey PRIMARY KEY (name);
ALTER TABLE ONLY athena.terms
    ADD CONSTRAINT terms_pkey PRIMARY KEY (project_id, term);
CREATE UNIQUE INDEX embedders_one_active ON athena.embedders USING btree (active) WHERE active;
CREATE INDEX memories_about ON athena.memories USING btree (about_id) WHERE (about_id IS NOT NULL);
CREATE INDEX memories_by_content ON athena.memories USING btree (project_id, content_hash);
CREATE INDEX memories_by_id ON athena.memories USING btree (id);
CREATE INDEX memories_by_session ON athena.memories USING btree (project_id, session_id, at, id);
CREATE INDEX memories_by_time ON athena.memories USING btree (project_id, at);
CREATE INDEX memories_superseded ON athena.memories USING btree (superseded_by) WHERE (superseded_by IS NOT NULL);
CREATE UNIQUE INDEX memories_unique_content ON athena.memories USING btree (project_id, layer, content_hash) WHERE ((layer <> 'episodic'::athena.layer) AND (superseded_at IS NULL));
CREATE UNIQUE INDEX memories_unique_key ON athena.memories USING btree (project_id, key) WHERE (key IS NOT NULL);
CREATE UNIQUE INDEX postings_project_id_term_id_memory_id_layer_tf_length_idx ON ONLY athena.postings USING btree (project_id, term_id, memory_id, layer) INCLUDE (tf, length);
CREATE UNIQUE INDEX postings_episodic_project_id_term_id_memory_id_layer_tf_len_idx ON athena.postings_episodic USING btree (project_id, term_id, memory_id, layer) INCLUDE (tf, length);
CREATE UNIQUE INDEX postings_graph_project_id_term_id_memory_id_layer_tf_length_idx ON athena.postings_graph USING btree (project_id, term_id, memory_id, layer) INCLUDE (tf, length);
CREATE UNIQUE INDEX postings_procedural_project_id_term_id_memory_id_layer_tf_l_idx ON athena.postings_procedural USING btree (project_id, term_id, memory_id, layer) INCLUDE (tf, length);
CREATE UNIQUE INDEX postings_prospective_project_id_term_id_memory_id_layer_tf__idx ON athena.postings_prospective USING btree (project_id, term_id, memory_id, layer) INCLUDE (tf, length);
CREATE UNIQUE INDEX postings_semantic_project_id_term_id_memory_id_layer_tf_len_idx ON athena.postings_semantic USING btree (project_id, term_id, memory_id, layer) INCLUDE (tf, length);
CREATE INDEX prospective_due ON athena.prospective_details USING btree (project_id, due_at) WHERE ((due_at IS NOT NULL) AND (status = ANY (ARRAY['pending'::athena.task_status, 'in_progress'::athena.task_status, 'blocked'::athena.task_status])));
CREATE INDEX prospective_triggers_by_kind ON athena.prospective_triggers USING btree (project_id, kind, fires_at);
CREATE INDEX relations_by_object ON athena.relations USING btree (project_id, object_id, memory_id) INCLUDE (subject_id, ended_at);
CREATE INDEX relations_by_subject ON athena.relations USING btree (project_id, subject_id, memory_id) INCLUDE (object_id, ended_at);
CREATE UNIQUE INDEX vectors_project_id_memory_id_embedder_id_layer_idx ON ONLY athena.vectors USING btree (project_id, memory_id, embedder_id, layer);
CREATE UNIQUE INDEX vectors_episodic_project_id_memory_id_embedder_id_layer_idx ON athena.vectors_episodic USING btree (project_id, memory_id, embedder_id, layer);
CREATE UNIQUE INDEX vectors_graph_project_id_memory_id_embedder_id_layer_idx ON athena.vectors_graph USING btree (project_id, memory_id, embedder_id, layer);
CREATE UNIQUE INDEX vectors_procedural_project_id_memory_id_embedder_id_layer_idx ON athena.vectors_procedural USING btree (project_id, memory_id, embedder_id, layer);
CREATE UNIQUE INDEX vectors_prospective_project_id_memory_id_embedder_id_layer_idx ON athena.vectors_prospective USING btree (project_id, memory_id, embedder_id, layer);
CREATE UNIQUE INDEX vectors_semantic_project_id_memory_id_embedder_id_layer_idx ON athena.vectors_semantic USING btree (project_id, memory_id, embedder_id, layer);
ALTER INDEX athena.postings_project_id_term_id_memory_id_layer_tf_length_idx ATTACH PARTITION athena.postings_episodic_project_id_term_id_memory_id_layer_tf_len_idx;
ALTER INDEX athena.postings_project_id_term_id_memory_id_layer_tf_length_idx ATTACH PARTITION athena.postings_graph_project_id_term_id_memory_id_layer_tf_length_idx;
ALTER INDEX athena.postings_project_id_term_id_memory_id_layer_tf_length_idx ATTACH PARTITION athena.postings_procedural_project_id_term_id_memory_id_layer_tf_l_idx;
ALTER INDEX athena.postings_project_id_term_id_memory_id_layer_tf_length_idx ATTACH PARTITION athena.postings_prospective_project_id_term_id_memory_id_layer_tf__idx;
ALTER INDEX athena.postings_project_id_term_id_memory_id_layer_tf_length_idx ATTACH PARTITION athena.postings_semantic_project_id_term_id_memory_id_layer_tf_len_idx;
ALTER INDEX athena.vectors_project_id_memory_id_embedder_id_layer_idx ATTACH PARTITION athena.vectors_episodic_project_id_memory_id_embedder_id_layer_idx;
ALTER INDEX athena.vectors_project_id_memory_id_embedder_id_layer_idx ATTACH PARTITION athena.vectors_graph_project_id_memory_id_embedder_id_layer_idx;
ALTER INDEX athena.vectors_project_id_memory_id_embedder_id_layer_idx ATTACH PARTITION athena.vectors_procedural_project_id_memory_id_embedder_id_layer_idx;
ALTER INDEX athena.vectors_project_id_memory_id_embedder_id_layer_idx ATTACH PARTITION athena.vectors_prospective_project_id_memory_id_embedder_id_layer_idx;
ALTER INDEX athena.vectors_project_id_memory_id_embedder_id_layer_idx ATTACH PARTITION athena.vectors_semantic_project_id_memory_id_embedder_id_layer_idx;
CREATE TRIGGER keep_index_delete AFTER DELETE ON athena.memories REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION athena.keep_index();
CREATE TRIGGER keep_index_insert AFTER INSERT ON athena.memories REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION athena.keep_index();
CREATE TRIGGER keep_index_update AFTER UPDATE ON athena.memories REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION athena.keep_index();
ALTER TABLE ONLY athena.entities
    ADD CONSTRAINT entities_project_id_fkey FOREIGN KEY (project_id) REFERENCES athena.projects(id);
ALTER TABLE ONLY athena.episodic_details
    ADD CONSTRAINT episodic_details_project_id_memory_id_fkey FOREIGN KEY (project_id, memory_id) REFERENCES athena.memories(project_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY athena.layer_totals
    ADD CONSTRAINT layer_totals_project_id_fkey FOREIGN KEY (project_id) REFERENCES athena.projects(id);
ALTER TABLE ONLY athena.memories
    ADD CONSTRAINT memories_project_id_fkey FOREIGN KEY (project_id) REFERENCES athena.projects(id);
ALTER TABLE ONLY athena.procedural_details
    ADD CONSTRAINT procedural_details_project_id_memory_id_fkey FOREIGN KEY (project_id, memory_id) REFERENCES athena.memories(project_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY athena.prospective_details
    ADD CONSTRAINT prospective_details_project_id_memory_id_fkey FOREIGN KEY (project_id, memory_id) REFERENCES athena.memories(project_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY athena.prospective_triggers
    ADD CONSTRAINT prospective_triggers_project_id_memory_id_fkey FOREIGN KEY (project_id, memory_id) REFERENCES athena.memories(project_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY athena.relations
    ADD CONSTRAINT relations_project_id_memory_id_fkey FOREIGN KEY (project_id, memory_id) REFERENCES athena.memories(project_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY athena.relations
    ADD CONSTRAINT relations_project_id_object_id_fkey FOREIGN KEY (project_id, object_id) REFERENCES athena.entities(project_id, id);
ALTER TABLE ONLY athena.relations
    ADD CONSTRAINT relations_project_id_subject_id_fkey FOREIGN KEY (project_id, subject_id) REFERENCES athena.entities(project_id, id);
ALTER TABLE ONLY athena.semantic_details
    ADD CONSTRAINT semantic_details_project_id_memory_id_fkey FOREIGN KEY (project_id, memory_id) REFERENCES athena.memories(project_id, id) ON DELETE CASCADE;
ALTER TABLE ONLY athena.terms
    ADD CONSTRAINT terms_project_id_fkey FOREIGN KEY (project_id) REFERENCES athena.projects(id);
ALTER TABLE athena.vectors
    ADD CONSTRAINT vectors_embedder_id_fkey FOREIGN KEY (embedder_id) REFERENCES athena.embedders(id);
ALTER TABLE athena.vectors
    ADD CONSTRAINT vectors_project_id_memory_id_fkey FOREIGN KEY (project_id, memory_id) REFERENCES athena.memories(project_id, id) ON DELETE CASCADE;
ALTER TABLE athena.accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY admitted ON athena.entities USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.episodic_details USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.layer_totals USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.memories USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.postings USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.postings_episodic USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.postings_graph USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.postings_procedural USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.postings_prospective USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.postings_semantic USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.procedural_details USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.projects USING ((EXISTS ( SELECT 1
   FROM athena.accounts a
  WHERE athena.covers(a.project, projects.name))));
CREATE POLICY admitted ON athena.prospective_details USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.prospective_triggers USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.relations USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.semantic_details USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.terms USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.vectors USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.vectors_episodic USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.vectors_graph USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.vectors_procedural USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.vectors_prospective USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
CREATE POLICY admitted ON athena.vectors_semantic USING ((project_id = ANY (ARRAY( SELECT projects.id
   FROM athena.projects))));
ALTER TABLE athena.entities ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.episodic_details ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.layer_totals ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.memories ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON athena.accounts FOR SELECT USING (athena.is_mine(account));
CREATE POLICY own ON athena.server_snapshots USING (athena.is_mine(account));
ALTER TABLE athena.postings ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.postings_episodic ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.postings_graph ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.postings_procedural ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.postings_prospective ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.postings_semantic ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.procedural_details ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.prospective_details ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.prospective_triggers ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.relations ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.semantic_details ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.server_snapshots ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.terms ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.vectors ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.vectors_episodic ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.vectors_graph ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.vectors_procedural ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.vectors_prospective ENABLE ROW LEVEL SECURITY;
ALTER TABLE athena.vectors_semantic ENABLE ROW LEVEL SECURITY;
