-- Vectors of live memories, a row an embedder, so that a store can change its embedder while it answers.
-- Layers are partitions, scanned exactly while small; athena_mcp/search/hnsw.py adds an HNSW index to a large one.

CREATE TABLE athena.embedders (
    id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    dimension integer NOT NULL CHECK (dimension BETWEEN 1 AND 4000),
    active boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (name, dimension)
);
CREATE UNIQUE INDEX embedders_one_active ON athena.embedders (active) WHERE active;

CREATE TABLE athena.vectors (
    project_id integer NOT NULL,
    memory_id bigint NOT NULL,
    embedder_id smallint NOT NULL REFERENCES athena.embedders,
    layer athena.layer NOT NULL,
    embedding halfvec NOT NULL,
    FOREIGN KEY (project_id, memory_id) REFERENCES athena.memories ON DELETE CASCADE
) PARTITION BY LIST (layer);
-- PLAIN keeps a vector in its row: a scan reads no second table.
ALTER TABLE athena.vectors ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE TABLE athena.vectors_episodic PARTITION OF athena.vectors FOR VALUES IN ('episodic');
CREATE TABLE athena.vectors_semantic PARTITION OF athena.vectors FOR VALUES IN ('semantic');
CREATE TABLE athena.vectors_procedural PARTITION OF athena.vectors FOR VALUES IN ('procedural');
CREATE TABLE athena.vectors_prospective PARTITION OF athena.vectors FOR VALUES IN ('prospective');
CREATE TABLE athena.vectors_graph PARTITION OF athena.vectors FOR VALUES IN ('graph');
CREATE UNIQUE INDEX ON athena.vectors (project_id, memory_id, embedder_id, layer);
