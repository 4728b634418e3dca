-- The terms of a query, each with the part it plays. Taken apart as memories are (athena.terms_of), but a query also
-- says which of its terms are whole identifiers, whose parts are looked up as well: counted in full, an identifier would
-- outweigh all the plain words beside it. English verbs of asking are left out, since questions have them, answers not.
CREATE FUNCTION athena.query_terms_of(config regconfig, query text) RETURNS TABLE (term text, whole boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20 AS $$
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
