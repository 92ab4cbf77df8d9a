/* run/version.h - the version of the whole: programs, image, upgrade file. Grows with each release. */
#ifndef RUN_VERSION_H
#define RUN_VERSION_H

#define GATEHOUSE_VERSION "0.2.0"
/* 2025-01-01, some time before this version was made: no clock is right that says an earlier day (run/clock.h). Since 1970. */
#define GATEHOUSE_MADE_S 1735689600u

#endif
