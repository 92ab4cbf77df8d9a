/* tap.h - `capture federation`: the stanzas of the streams with one partner as they pass, masked. */
#ifndef S2S_TAP_H
#define S2S_TAP_H

#include "conn.h"

/* One that came in, as its tree. */
void s2s_tap_in(struct conn *c, struct bytes remote, const struct xml_node *stanza);
/* One that goes out, as text. */
void s2s_tap_out(struct conn *c, struct bytes remote, struct bytes stanza);
/* The command. */
void s2s_tap_command(void *s2s, struct proc_ask *ask, const struct bytes *args, size_t n_args);

#endif
