/*
 * pidnote.c
 *		What the pid file says.  See pidnote.h.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "state/pidnote.h"
#include "util/mem.h"

/* More of them say no more. */
#define VERBOSE_MAX 4

/* The word as a shell reads it, malloc'd. */
static char *
quote(const char *word)
{
	char *quoted = mem_alloc(strlen(word) * 4 + 3);
	char *p = quoted;

	*p++ = '\'';
	for (; *word != '\0'; word++)
	{
		if (*word == '\'')
			p = stpcpy(p, "'\\''");
		else
			*p++ = *word;
	}
	stpcpy(p, "'");
	return quoted;
}

/* *text, which was malloc'd and is replaced, with the word behind it. */
static void
add_word(char **text, const char *word)
{
	char *longer =
		mem_asprintf("%s%s%s", *text, **text != '\0' ? " " : "", word);

	free(*text);
	*text = longer;
}

static void
add_option(char **text, const char *option, const char *value)
{
	char *quoted = quote(value);
	char *word = mem_asprintf("%s=%s", option, quoted);

	add_word(text, word);
	free(word);
	free(quoted);
}

static void
add_number(char **text, const char *option, int value)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", value);
	add_option(text, option, number);
}

/* So that a restart can give them again. */
static char *
format_overrides(const ConfigOverrides *o)
{
	char *text = mem_strdup("");

	if (o->port != 0)
		add_number(&text, "--port", o->port);
	if (o->upstream_host != NULL && strchr(o->upstream_host, '\n') == NULL)
		add_option(&text, "--host", o->upstream_host);
	if (o->upstream_port != 0)
		add_number(&text, "--masterport", o->upstream_port);
	for (int i = 0; i < Min(o->verbose, VERBOSE_MAX); i++)
		add_word(&text, "-v");
	return text;
}

/* Behind a word that quote() has made; NULL if p is at none. */
static const char *
skip_quoted(const char *p)
{
	if (*p++ != '\'')
		return NULL;
	while ((p = strchr(p, '\'')) != NULL && strncmp(p, "'\\''", 4) == 0)
		p += 4;
	return p != NULL ? p + 1 : NULL;
}

/* Behind a word of format_overrides(); NULL if p is at none. */
static const char *
skip_override(const char *p)
{
	static const char *const options[] = {
		"--port=", "--host=", "--masterport="};

	if (strncmp(p, "-v", 2) == 0)
		return p + 2;
	for (size_t i = 0; i < lengthof(options); i++)
	{
		size_t len = strlen(options[i]);

		if (strncmp(p, options[i], len) == 0)
			return skip_quoted(p + len);
	}
	return NULL;
}

bool
pidnote_options_good(const char *options)
{
	const char *p = options;

	while (*p != '\0')
	{
		if (p != options && *p++ != ' ')
			return false;
		p = skip_override(p);
		if (p == NULL)
			return false;
	}
	return true;
}

char *
pidnote_path(const char *pid_file, const char *state_directory)
{
	if (pid_file[0] != '\0')
		return mem_strdup(pid_file);
	if (state_directory[0] != '\0')
		return mem_asprintf("%s/walbouncer.pid", state_directory);
	return NULL;
}

char *
pidnote_format(const char *file, const Config *config, time_t started)
{
	return mem_asprintf("%s\n%lld\n%d\n%s\n%s\n", file != NULL ? file : "",
		(long long) started, config->port, config->unix_socket_directories,
		config->listen_addresses);
}

char *
pidnote_format_all(const char *file, const Config *config,
	const ConfigOverrides *overrides, time_t started,
	const char *console_directory, const char *status)
{
	char *head = pidnote_format(file, config, started);
	char *options = format_overrides(overrides);
	char *text = mem_asprintf(
		"%s%s\n%s\n%s\n", head, console_directory, status, options);

	free(options);
	free(head);
	return text;
}

/* 0 if it is none. */
static pid_t
parse_pid(const char *text)
{
	char *end;
	long pid = strtol(text, &end, 10);

	return end != text && *end == '\0' && pid > 0 && pid <= INT32_MAX
			   ? (pid_t) pid
			   : 0;
}

/* The next line, without its end; NULL if there is none. */
static char *
next_line(char **text)
{
	char *line = *text;
	char *end = strchr(line, '\n');

	if (end == NULL)
		return NULL;
	*end = '\0';
	*text = end + 1;
	return line;
}

void
pidnote_parse(char *text, PidNote *note)
{
	char *first;
	char *started;

	*note = (PidNote){.text = text};
	first = next_line(&text);
	if (first == NULL)
		return;
	note->pid = parse_pid(first);
	note->config_file = next_line(&text);
	started = next_line(&text);
	note->started = started != NULL ? (time_t) strtoll(started, NULL, 10) : 0;
	note->port = next_line(&text);
	(void) next_line(&text); /* unix_socket_directories */
	(void) next_line(&text); /* listen_addresses */
	note->socket_directory = next_line(&text);
	note->status = next_line(&text);
	note->options = next_line(&text);
}

void
pidnote_clear(PidNote *note)
{
	free(note->text);
	*note = (PidNote){0};
}
