-- Accounts that own projects. Row-level security keeps each to the projects it was admitted to; the owner of the schema and
-- superusers are not subject to it and pay nothing for it.

-- Which projects an account may see and change: a project's name, or all names with a beginning, as in 'team/*'. An account
-- may be a group role; whoever is a member of it may do the same.
CREATE TABLE athena.accounts (
    account text NOT NULL CHECK (length(account) BETWEEN 1 AND 63),
    project text NOT NULL CHECK (length(project) BETWEEN 1 AND 200),
    admitted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, project)
);

CREATE FUNCTION athena.is_mine(account text) RETURNS boolean
LANGUAGE sql STABLE
RETURN EXISTS (SELECT 1 FROM pg_roles r WHERE r.rolname = account AND pg_has_role(r.oid, 'MEMBER'));

-- Whether a row of athena.accounts speaks of a project.
CREATE FUNCTION athena.covers(rule text, project text) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN rule = project OR (right(rule, 2) = '/*' AND starts_with(project, left(rule, -1)));

ALTER TABLE athena.accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON athena.accounts FOR SELECT USING (athena.is_mine(account));

ALTER TABLE athena.projects ENABLE ROW LEVEL SECURITY;
CREATE POLICY admitted ON athena.projects
    USING (EXISTS (SELECT 1 FROM athena.accounts a WHERE athena.covers(a.project, name)));

-- Everything else belongs to a project. What an account sees of athena.projects is found once for a statement.
DO $$
DECLARE
    subject text;
BEGIN
    FOR subject IN
        SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'project_id' AND NOT a.attisdropped
        WHERE n.nspname = 'athena' AND c.relkind IN ('r', 'p')
    LOOP
        EXECUTE format('ALTER TABLE athena.%I ENABLE ROW LEVEL SECURITY', subject);
        EXECUTE format('CREATE POLICY admitted ON athena.%I USING (project_id = ANY (ARRAY(SELECT id FROM athena.projects)))',
            subject);
    END LOOP;
END
$$;

-- Statistics are shown to the account whose server published them.
ALTER TABLE athena.server_snapshots ADD COLUMN account text NOT NULL DEFAULT current_user;
ALTER TABLE athena.server_snapshots ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON athena.server_snapshots USING (athena.is_mine(account));

-- Lets an account, which must exist, see and change a project (or 'team/*'). For the owner of the schema.
CREATE FUNCTION athena.admit(account text, project text) RETURNS void
LANGUAGE plpgsql AS $$
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

-- Takes that back. The grants stay: without a project there is nothing to see behind them.
CREATE FUNCTION athena.dismiss(account text, project text) RETURNS void
LANGUAGE sql
BEGIN ATOMIC
    DELETE FROM athena.accounts a WHERE a.account = dismiss.account AND a.project = dismiss.project;
END;
REVOKE EXECUTE ON FUNCTION athena.admit(text, text), athena.dismiss(text, text) FROM PUBLIC;
