/*
 * child.h
 *		The first steps of every child after fork, and what all of them share.
 */
#ifndef PROCESS_CHILD_H
#define PROCESS_CHILD_H

#include "base.h"

#include "conf/option.h"
#include "shm/ring.h"

/* What the supervisor hands to each child. */
typedef struct ChildContext
{
	int cell; /* of the board */
	Ring *ring;
	/* the settings in force, and the generation that they are of */
	Config *config;
	uint64_t config_generation;
	const char *config_file; /* NULL: none */
	const ConfigOverrides *overrides;
	/* listening sockets, for workers */
	const int *listen_fds;
	size_t listen_count;
} ChildContext;

/*
 * Become a process of its own: die with the supervisor (which is parent), leave
 * its session, take its signals, map what is ours for writing (by the cell) and
 * the rest read-only.
 */
void child_begin(const ChildContext *ctx, pid_t parent, const char *role);

/*
 * The settings that have been published last, as if at a start; free them.  NULL, with
 * err, if they cannot be read, though the supervisor could.
 */
MUST_CHECK Config *child_published_config(
	const ChildContext *ctx, uint64_t *generation, ErrInfo *err);

/* The same with another conninfo for the upstream; NULL: the configuration's own. */
MUST_CHECK Config *child_config_with(
	const ChildContext *ctx, const char *repointed, ErrInfo *err);

/*
 * Take over the configuration if a newer one has been published.  True if so:
 * *previous is the old one, to be freed by the caller; whatever points into it
 * has to be looked up again.
 */
MUST_CHECK bool child_refresh_config(ChildContext *ctx, Config **previous);

#endif /* PROCESS_CHILD_H */
