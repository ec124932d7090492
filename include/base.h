/*
 * base.h
 *		What every file includes first: feature macros, the integer types and a
 *		handful of macros that C lacks.  No declarations of ours live here.
 */
#ifndef BASE_H
#define BASE_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The caller must look at the result. */
#define MUST_CHECK __attribute__((warn_unused_result))
/* Arguments are checked against a printf format. */
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))

#define lengthof(array) (sizeof(array) / sizeof((array)[0]))
#define Min(a, b) ((a) < (b) ? (a) : (b))
#define Max(a, b) ((a) > (b) ? (a) : (b))

/* PostgreSQL's MAXALIGN on every platform that we support. */
#define MaxAlign(n) (((uint64_t) (n) + 7) & ~(uint64_t) 7)

typedef uint32_t Oid;
typedef uint32_t TimeLineId;

#define InvalidOid ((Oid) 0)

#endif /* BASE_H */
