"""The session inside the server that ends it when nobody is left.

Normally the last process to leave stops the server. When that process is killed, it cannot. So one session of the
server looks every few seconds whether anybody is connected, and asks the server to shut down when not. It needs no
process outside, and no client: it is started and then left alone.
"""

from __future__ import annotations

import os

from psycopg import sql

from athena_mcp.db.embedded.address import ServerAddress
from athena_mcp.db.embedded.binaries import Binaries
from athena_mcp.db.embedded.presence import WATCH, Connection, connect

WATCH_INTERVAL_S = 20.0
"""How often to look: an abandoned server lives this long at most."""

# The commit ends the transaction, so that the next round sees the list of sessions as it is then and holds back no
# vacuum. The server's number is read each time from its own note in its own folder.
_WATCH = sql.SQL("""
    DO $watch$
    BEGIN
        LOOP
            PERFORM pg_sleep({interval});
            COMMIT;
            IF NOT EXISTS (
                SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> {name}
            ) THEN
                EXECUTE format('COPY (SELECT) TO PROGRAM %L',
                    {signal} || split_part(pg_read_file('postmaster.pid'), chr(10), 1));
                COMMIT;
            END IF;
        END LOOP;
    END
    $watch$
""")


def ensure_watch(present: Connection, address: ServerAddress, binaries: Binaries, interval_s: float) -> None:
    """Start the watch unless the server has one. `present` is a connection that keeps the server in use meanwhile."""
    row = present.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", (WATCH,)).fetchone()
    if row is not None and row[0]:
        return
    # Interrupt means a fast shutdown (PostgreSQL manual, "Shutting Down the Server").
    signal = "kill -INT " if os.name == "posix" else f'"{binaries.tool("pg_ctl")}" kill INT '
    connection = connect(address, WATCH)
    try:
        # One statement that lasts as long as the server, with nobody at the other end, and that ends by being told to.
        if os.name == "posix":
            connection.execute("SET client_connection_check_interval = 0")
        connection.execute("SET log_min_messages = panic")
        statement = _WATCH.format(interval=sql.Literal(interval_s), name=sql.Literal(WATCH), signal=sql.Literal(signal))
        # Sent without waiting for an answer, which would come when the server ends.
        connection.pgconn.send_query(statement.as_bytes(connection))
        while connection.pgconn.flush():
            pass
    finally:
        connection.close()
