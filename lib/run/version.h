/* run/version.h - the release that this is. */
#ifndef RUN_VERSION_H
#define RUN_VERSION_H

#define RUN_VERSION "0.1"

#endif
