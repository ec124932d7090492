/*
 * fuzz_pq.c
 *		Whatever comes in over a connection: opening packets, messages, commands
 *		and the insides of a WAL stream.
 *
 * The first byte of the input chooses the decoder, the rest is for it.  Beside
 * what the sanitizers see, a few facts are checked that callers rely on.
 *
 *		clang -fsanitize=fuzzer,address,undefined ... regress/fuzz/fuzz_pq.c
 *
 * makes the fuzzer; with replay.c in place of -fsanitize=fuzzer it is a program
 * that runs the inputs of regress/fuzz/corpus/pq once each.
 */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "pq/consolecmd.h"
#include "pq/extended.h"
#include "pq/frame.h"
#include "pq/replcmd.h"
#include "pq/replication.h"
#include "pq/startup.h"

/* libpq.h, PQ_SMALL_MESSAGE_LIMIT */
#define BODY_MAX 10000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A fact that does not hold ends the program, as a sanitizer does. */
static void
must(bool fact)
{
	if (!fact)
		abort();
}

static void
fuzz_startup(const uint8_t *data, size_t len)
{
	StartupPacket packet;
	ErrInfo err = {.sqlstate = ""};
	size_t used;

	switch (startup_parse(data, len, &packet, &used, &err))
	{
		case FRAME_OK:
			must(used >= 8 && used <= len && used <= STARTUP_MAX_LEN);
			if (packet.kind == STARTUP_SESSION)
			{
				must(packet.user[0] != '\0' && packet.database[0] != '\0');
				must(strlen(packet.application_name) < used);
				must(strlen(packet.options) < used);
				must(packet.extension_count <= STARTUP_MAX_EXTENSIONS);
				for (size_t i = 0; i < packet.extension_count; i++)
					must(strncmp(packet.extensions[i], "_pq_.", 5) == 0);
			}
			else if (packet.kind == STARTUP_CANCEL)
				must(packet.cancel_key + packet.cancel_key_len == data + used);
			break;
		case FRAME_MORE:
			must(len < STARTUP_MAX_LEN);
			break;
		case FRAME_BAD:
			must(err.sqlstate[0] != '\0');
			break;
	}
}

static void
fuzz_command(const char *text)
{
	ReplCommand command;
	ErrInfo err = {.sqlstate = ""};

	if (!replcmd_parse(text, &command, &err))
		must(err.sqlstate[0] != '\0');
	else
	{
		must(strlen(command.slot) < sizeof(command.slot));
		must(strlen(command.setting) < sizeof(command.setting));
		must(replcmd_name(command.kind) != NULL);
	}
}

/* Message after message, as a session reads them. */
static void
fuzz_frames(const uint8_t *data, size_t len)
{
	Frame frame;
	ErrInfo err;
	size_t used;

	while (frame_parse(data, len, BODY_MAX, &frame, &used, &err) == FRAME_OK)
	{
		const char *text;
		ReplicationReply reply;

		must(used == frame.len + FRAME_HEADER_SIZE && used <= len);
		if (frame.type == FRAME_QUERY && frame_query_text(&frame, &text, &err))
			fuzz_command(text);
		else if (frame.type == FRAME_COPY_DATA &&
				 !replication_decode_client(
					 frame.body, frame.len, &reply, &err))
			must(strcmp(err.sqlstate, SQLSTATE_PROTOCOL_VIOLATION) == 0);
		data += used;
		len -= used;
	}
}

static void
fuzz_text(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);

	must(text != NULL);
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	fuzz_command(text);
	free(text);
}

/* What is said to the console, statement by statement. */
static void
fuzz_console(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);
	ConsoleCommand command;
	ErrInfo err = {.sqlstate = ""};
	size_t pos = 0;

	must(text != NULL);
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	while (text[pos] != '\0')
	{
		size_t before = pos;

		if (!consolecmd_next(text, &pos, &command, &err))
		{
			must(err.sqlstate[0] != '\0' && err.position > 0);
			break;
		}
		must(pos > before && pos <= len);
		must(strlen(command.argument) < sizeof(command.argument));
		must(strlen(command.value) < sizeof(command.value));
	}
	free(text);
}

static void
fuzz_extended(const uint8_t *data, size_t len)
{
	Frame frame = {.type = FRAME_DESCRIBE, .body = data, .len = len};
	ExtendedParse parse;
	ExtendedBind bind;
	ExtendedTarget target;
	ExtendedExecute execute;
	ErrInfo err;

	if (extended_parse(&frame, &parse, &err))
		must(strlen(parse.statement) + strlen(parse.query) < len);
	if (extended_bind(&frame, &bind, &err))
		must(bind.formats.count <= EXTENDED_FORMATS_MAX &&
			 strlen(bind.portal) + strlen(bind.statement) < len);
	if (extended_target(&frame, &target, &err))
		must(strlen(target.name) < len);
	if (extended_execute(&frame, &execute, &err))
		must(execute.row_limit <= INT32_MAX && strlen(execute.portal) < len);
}

static void
fuzz_client(const uint8_t *data, size_t len)
{
	ReplicationReply reply;
	ErrInfo err;
	Buf b;

	if (!replication_decode_client(data, len, &reply, &err))
		return;
	buf_init(&b, 64);
	replication_encode_client(&b, &reply);
	must(!b.failed && b.len == len && b.data[0] == data[0]);
	buf_clear(&b);
}

static void
fuzz_server(const uint8_t *data, size_t len)
{
	ReplicationWal wal;
	ErrInfo err;

	if (replication_decode_server(data, len, &wal, &err) &&
		wal.kind == REPLICATION_DATA)
		must(wal.data + wal.len == data + len);
}

static void (*const decoders[])(const uint8_t *data, size_t len) = {
	fuzz_startup,
	fuzz_frames,
	fuzz_text,
	fuzz_client,
	fuzz_server,
	fuzz_console,
	fuzz_extended,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len > 0)
		decoders[data[0] % lengthof(decoders)](data + 1, len - 1);
	return 0;
}
