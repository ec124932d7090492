/*
 * logjson.c
 *		Lines of the log in JSON.  See logjson.h.
 */
#include "base.h"

#include <stdio.h>
#include <time.h>

#include "util/json.h"
#include "util/logjson.h"

/* Left out if there is no value, as PostgreSQL does it. */
static void
put_string(Json *j, const char *key, const char *value)
{
	if (value[0] == '\0')
		return;
	json_key(j, key);
	json_string(j, value);
}

static void
put_session(Json *j, const LogOrigin *origin)
{
	time_t started = (time_t) origin->started;
	struct tm tm;
	char text[64];

	snprintf(text, sizeof(text), "%llx.%x",
		(unsigned long long) origin->started, (unsigned) origin->pid);
	put_string(j, "session_id", text);
	json_key(j, "line_num");
	json_int(j, (int64_t) origin->lines);
	gmtime_r(&started, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	put_string(j, "session_start", text);
}

size_t
logjson_format(
	const LogOrigin *origin, const LogEvent *event, char dst[LOGJSON_SIZE])
{
	/* full from the start, so it never grows; a byte is for the newline */
	Buf out = {.data = (uint8_t *) dst,
		.cap = LOGJSON_SIZE - 1,
		.max = LOGJSON_SIZE - 1};
	Json j;

	json_init(&j, &out);
	json_object_begin(&j);
	put_string(&j, "timestamp", event->timestamp);
	put_string(&j, "user", origin->user);
	json_key(&j, "pid");
	json_int(&j, origin->pid);
	put_string(&j, "remote_host", origin->host);
	if (origin->port >= 0)
	{
		json_key(&j, "remote_port");
		json_int(&j, origin->port);
	}
	put_session(&j, origin);
	put_string(&j, "error_severity", log_level_label(event->level));
	put_string(&j, "state_code", event->sqlstate);
	put_string(&j, "message", event->message);
	put_string(&j, "detail", event->detail);
	put_string(&j, "hint", event->hint);
	put_string(&j, "application_name", origin->application_name);
	put_string(&j, "backend_type", origin->role);
	json_object_end(&j);
	dst[out.len] = '\n';
	return out.len + 1;
}
