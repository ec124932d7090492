/*
 * exitcode.h
 *		How a process of ours ends, for the one who waits for it: the operator
 *		for the supervisor, the supervisor for its children.
 */
#ifndef EXITCODE_H
#define EXITCODE_H

#define EXITCODE_OK 0	   /* done, or told to stop */
#define EXITCODE_SESSION 1 /* a session ended with an error that its client was told */
#define EXITCODE_STARTUP 2 /* could not start or go on: configuration, memory, sockets */

#endif /* EXITCODE_H */
