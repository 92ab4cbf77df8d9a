/* base/fsm_fixture.h - for unit tests: the picture of a machine in docs/ is that of its table. */
#ifndef BASE_FSM_FIXTURE_H
#define BASE_FSM_FIXTURE_H

#include "base/fsm.h"

/* Fails the test when the file (a path from the top of the tree, where unit tests run) is not what fsm_print makes of the machine.
 * With GATEHOUSE_UPDATE_DOCS in the environment the file is written anew. */
void fsm_check_picture(const struct fsm *m, const char *path);

#endif
