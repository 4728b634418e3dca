"""What must hold in every store after any sequence of writes, checked against a recomputation from the memories."""

from __future__ import annotations

from tests.db.stores import ask

_LIVE = """
WITH documents AS (
    SELECT m.project_id, m.id, m.layer, m.content, m.also,
        least((SELECT coalesce(sum(t.tf), 1) FROM athena.terms_of(athena.search_config(), m.content) t), 32767)
            AS length
    FROM athena.memories m WHERE m.superseded_at IS NULL
), found AS (
    SELECT d.project_id, t.term, d.id, t.tf, d.length, d.layer
    FROM documents d, athena.terms_of(athena.search_config(), d.content || E'\\n' || d.also) t
)
"""
_POSTINGS = "SELECT project_id, term, id, tf::integer, length::integer, layer::text FROM found ORDER BY 1, 2, 3"
_STORED_POSTINGS = """
SELECT p.project_id, t.term, p.memory_id, p.tf::integer, p.length::integer, p.layer::text
FROM athena.postings p JOIN athena.terms t ON t.project_id = p.project_id AND t.id = p.term_id ORDER BY 1, 2, 3
"""
_FREQUENCIES = "SELECT project_id, term, count(*)::integer FROM found GROUP BY 1, 2 ORDER BY 1, 2"
_STORED_FREQUENCIES = "SELECT project_id, term, df FROM athena.terms ORDER BY 1, 2"
_TOTALS = """
SELECT project_id, layer::text, count(*)::integer, sum(length)::integer FROM documents GROUP BY 1, 2 ORDER BY 1, 2
"""
_STORED_TOTALS = """
SELECT project_id, layer::text, memories::integer, terms::integer FROM athena.layer_totals
WHERE memories > 0 OR terms > 0 ORDER BY 1, 2
"""
_MUST_BE_EMPTY = {
    "a posting without its term": """
        SELECT * FROM athena.postings p WHERE NOT EXISTS (
            SELECT 1 FROM athena.terms t WHERE t.project_id = p.project_id AND t.id = p.term_id)""",
    "a vector of a memory that is not live": """
        SELECT * FROM athena.vectors v WHERE NOT EXISTS (
            SELECT 1 FROM athena.memories m WHERE m.project_id = v.project_id AND m.id = v.memory_id
                AND m.layer = v.layer AND m.superseded_at IS NULL)""",
    "an entity that no relation names": """
        SELECT * FROM athena.entities e WHERE NOT EXISTS (
            SELECT 1 FROM athena.relations r
            WHERE r.project_id = e.project_id AND e.id IN (r.subject_id, r.object_id))""",
    "a memory without the details of its layer": """
        SELECT * FROM athena.memories m WHERE m.layer <> 'graph' AND 1 <> (
            SELECT count(*) FROM (
                SELECT 'episodic' AS layer, project_id, memory_id FROM athena.episodic_details
                UNION ALL SELECT 'semantic', project_id, memory_id FROM athena.semantic_details
                UNION ALL SELECT 'procedural', project_id, memory_id FROM athena.procedural_details
                UNION ALL SELECT 'prospective', project_id, memory_id FROM athena.prospective_details) d
            WHERE d.layer = m.layer::text AND d.project_id = m.project_id AND d.memory_id = m.id)""",
    "one id twice": "SELECT id FROM athena.memories GROUP BY id HAVING count(*) > 1",
    "one live text twice": """
        SELECT project_id FROM athena.memories WHERE superseded_at IS NULL AND layer <> 'episodic'
        GROUP BY project_id, layer, content_hash HAVING count(*) > 1""",
}


def check_store(url: str) -> None:
    """Fails when an index, a count or a link of the store does not agree with its memories."""
    assert ask(url, _STORED_POSTINGS) == ask(url, _LIVE + _POSTINGS)
    assert ask(url, _STORED_FREQUENCIES) == ask(url, _LIVE + _FREQUENCIES)
    assert ask(url, _STORED_TOTALS) == ask(url, _LIVE + _TOTALS)
    for what, query in _MUST_BE_EMPTY.items():
        assert ask(url, query) == [], what
