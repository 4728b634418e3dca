-- An entity's edges in the order of the memories that state them, so that its newest are read without the others: what
-- everything is related to may have thousands.
DROP INDEX athena.relations_by_subject;
DROP INDEX athena.relations_by_object;
CREATE INDEX relations_by_subject ON athena.relations (project_id, subject_id, memory_id) INCLUDE (object_id, ended_at);
CREATE INDEX relations_by_object ON athena.relations (project_id, object_id, memory_id) INCLUDE (subject_id, ended_at);
