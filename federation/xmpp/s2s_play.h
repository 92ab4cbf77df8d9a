/* s2s_play.h - for tests: two parties' engines joined by buffers, on a clock that the test moves. A
 * line is one connection; what its driver would do (TLS, certificate verdicts, dialback questions on
 * another line) is done here from the parties' settings. */
#ifndef S2S_PLAY_H
#define S2S_PLAY_H

#include "stream.h"

struct party {
	const char *domain;
	struct settings *settings;
	struct s2s_conf conf;
	struct stream_env env;
	struct arena arena;
	uint8_t secret[32];
	bool has_certificate;
	int proof_rc;        /* what others find when they check its certificate */
	unsigned n_delivered, n_ready, n_failed, n_pongs, n_opened;
	uint32_t acked;
	int delivered_rc;
	char last_from[128], last_to[128];
	struct reason last_why;
};

struct end {
	struct party *self, *other;
	struct stream stream;
	struct buf out;
	bool is_shut, wants_tls;
	struct list asks; /* none: questions are answered at once by a line of their own */
};

struct line {
	struct end out, in; /* who connected; who was connected to */
	bool is_direct_tls;
	bool does_handle;   /* the receiver's core takes stanzas at once */
	uint64_t now_ms;
	struct buf log;     /* all bytes, each chunk behind "O: " or "I: " */
};

/* rows: more settings lines. Aborts the test on bad ones. */
void party_init(struct party *p, const char *domain, const char *rows);
void party_fini(struct party *p);
void line_open(struct line *l, struct party *from, struct party *to, bool is_direct_tls, bool is_only_verify);
void line_close(struct line *l);
/* Passes bytes and answers both ways until nothing moves. */
void line_run(struct line *l);
/* Lets time pass on both ends. */
void line_wait(struct line *l, uint64_t ms);
/* Bytes of a stranger into the receiving end (its own output goes to l->log). */
void line_say(struct line *l, const char *bytes);
/* The receiver's engine alone, as a stranger meets it: in clear, or inside TLS with a certificate. */
void line_meet(struct line *l, struct party *stranger, struct party *to, bool is_secure);
/* The initiating engine alone, connected in clear, and bytes of a strange peer into it. */
void line_call(struct line *l, struct party *from, struct party *to);
void line_hear(struct line *l, const char *bytes);
bool line_has(struct line *l, const char *text);
void line_send(struct line *l, const char *stanza);

#endif
