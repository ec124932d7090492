/*
 * units.h
 *		Sizes in bytes and times in milliseconds, as struct Config has them.
 */
#ifndef CONF_UNITS_H
#define CONF_UNITS_H

#include "base.h"

#define KILO INT64_C(1024)
#define MEGA (KILO * 1024)
#define GIGA (MEGA * 1024)
#define TERA (GIGA * 1024)

#define SECOND INT64_C(1000)
#define MINUTE (SECOND * 60)
#define HOUR (MINUTE * 60)
#define DAY (HOUR * 24)

/* As in PostgreSQL, of whatever unit. */
#define UNLIMITED (-1)

#endif /* CONF_UNITS_H */
