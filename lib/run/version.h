/* run/version.h - the version of the whole: programs, image, upgrade file. Grows with each release. */
#ifndef RUN_VERSION_H
#define RUN_VERSION_H

#define GATEHOUSE_VERSION "0.2.0"

#endif
