/* base/fsm.h - state machines as tables. One function changes state, traces and counts it. What is
 * not in the table is a protocol error with the machine's defined answer. */
#ifndef BASE_FSM_H
#define BASE_FSM_H

#include <stddef.h>
#include <stdint.h>

/* Returned by an action to say: the row's next state does not apply, the action set its own event
 * aside or closed the machine. */
typedef int (*fsm_action)(void *machine, void *event);

struct fsm_row {
	uint8_t state, event;
	fsm_action action; /* may be NULL; a negative result leaves the state as it was */
	uint8_t next;
};

struct fsm {
	const char *name;
	const struct fsm_row *rows;
	size_t n_rows;
	const char *const *state_names, *const *event_names;
};

/* Finds the row, runs the action, sets *state. ERR_BAD_STATE when no row fits; the action's error
 * otherwise. An action may step the machine again only by queueing an event for its driver. */
int fsm_step(const struct fsm *m, uint8_t *state, uint8_t event, void *machine, void *arg);
/* The table as a Graphviz graph, for docs. */
struct buf;
void fsm_print(const struct fsm *m, struct buf *out);

#endif
