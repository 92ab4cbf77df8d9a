/* planes.h - which services may be reached by which interface of the appliance (interface * plane). Pure. */
#ifndef CONF_PLANES_H
#define CONF_PLANES_H

#include "rows.h"
#include "run/service.h"

enum { PLANES_INTERFACES = 4, PLANES_GROUP = 100 }; /* a to d; device groups that gh-priv gives them */

/* The interfaces by which a service of this plane may be reached: bit 0 is a. An interface of a plane takes that plane's
 * services alone, one of any plane all, but management only while no interface is of the management plane. PLANES_EVERY: no
 * interface has a plane, so that nothing is held apart. */
enum { PLANES_EVERY = 0xff };
unsigned planes_allow(const struct rows *r, enum plane service);

/* May a service of this plane be at this address (numeric)? NULL, or why not (text of 160 bytes in why). An address that no
 * interface has by a setting is left to the packet filter. */
const char *planes_refuse(const struct rows *r, enum plane service, const char *addr, char why[static 160]);

#endif
