/* version.h - the release that this is. */
#ifndef CONF_VERSION_H
#define CONF_VERSION_H

#define CONF_VERSION "0.1"

#endif
