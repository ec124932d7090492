# The console by psycopg2: python3 psycopg2_console.py CONNINFO
# Prints one JSON object of what came back.

import json
import sys

import psycopg2
import psycopg2.extras

conn = psycopg2.connect(sys.argv[1])
found = {"server_version": conn.server_version, "encoding": conn.encoding}

# as a driver does by itself: a transaction around everything
cursor = conn.cursor(cursor_factory=psycopg2.extras.RealDictCursor)
cursor.execute("SHOW STANDBYS")
found["types"] = {column.name: column.type_code for column in cursor.description}
found["rows"] = [dict(row) for row in cursor.fetchall()]
found["in_transaction"] = conn.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_INTRANS
conn.commit()

# an error leaves a failed transaction, which a rollback ends
try:
    cursor.execute("SHOW bogus %s", ("it's",))
    found["error"] = None
except psycopg2.Error as error:
    found["error"] = error.pgcode
found["in_error"] = conn.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_INERROR
conn.rollback()

conn.autocommit = True
try:
    cursor.execute("KILL %s", ("it's no\\body",))
except psycopg2.Error as error:
    found["kill"] = error.diag.message_primary
cursor.execute("SHOW VERSION")
found["version"] = cursor.fetchone()["version"]
conn.close()
print(json.dumps(found, default=str))
