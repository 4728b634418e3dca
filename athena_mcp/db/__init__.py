"""PostgreSQL: connections, deadlines, migrations, and the embedded server."""
