/* adhoc/adhoc_run.h - the rows of commands, and one that runs. It runs at the end of the loop's turn, so that the functions of
 * operators' commands, which use the arena of gh-im, do not meet the stanza that asked; what it does is in the audit trail first. */
#ifndef IM_ADHOC_RUN_H
#define IM_ADHOC_RUN_H

#include "adhoc/adhoc_form.h"
#include "iq/iq.h"

enum { ADHOC_RUNS_MAX = 200, ADHOC_ID_BYTES = 24, ADHOC_OUT_BYTES = 200 << 10 };

struct adhoc_run;

enum adhoc_who {
	ADHOC_ADMINS,     /* of IM, from inside */
	ADHOC_OWN,        /* everybody, for themselves: its verb's first argument */
	ADHOC_OWN_INSIDE, /* likewise, but not through an edge, which could keep what is made, nor with an application password */
};
struct adhoc_column { /* of an answer: a value of the verb's records */
	const char *key, *label;
};
struct adhoc_command {
	const char *node, *name;
	enum adhoc_who who;
	const char *verb; /* of operators (im_commands) */
	struct adhoc_field fields[ADHOC_FIELDS_MAX + 1];
	/* What to call next, by adhoc_call; or the end, by adhoc_finish. */
	void (*step)(struct im *im, struct adhoc_run *r);
	/* A record of the verb's answer; NULL: they are passed over. */
	void (*record)(struct adhoc_run *r, struct bytes fields, uint16_t n);
	const struct adhoc_column *columns; /* of those for oneself; NULL: no form in the answer */
	const char *result; /* field of the answer's form; NULL: it has none */
	const char *key, *value; /* record: of which records */
	bool is_text_known;      /* its text is filled in with the domain's message of the day */
	bool spares_directory;   /* not to people whom the directory has */
};
extern const struct adhoc_command admin_commands[];
extern const size_t admin_n_commands;
extern const struct adhoc_command own_commands[]; /* own.c */
extern const size_t own_n_commands;
/* Is this person an administrator of IM (im administrators)? */
bool admin_is(const struct im *im, struct bytes bare);

struct adhoc_run {
	struct list node;
	struct im *im;
	const struct adhoc_command *command;
	struct iq_later *later;
	struct arena arena;
	struct bytes by, domain;
	struct adhoc_values values[ADHOC_FIELDS_MAX];
	char id[ADHOC_ID_BYTES + 1]; /* of its session */
	bool is_audited, is_checked, is_waiting;
	unsigned at;   /* in its people */
	unsigned n_done, n_failed;
	enum stanza_error error; /* the first */
	char why[200];
	uint64_t count; /* of records that fit */
	struct buf out, notes; /* of the answer: what is in the form's result field, or beside it */
};

/* Takes q's request to run c: begins at the end of the turn. id: of its session, or one made now. form: NULL where it has no
 * fields. ERR_SYNTAX with *why: the form; ERR_FULL, ERR_NOMEM. */
int adhoc_run_start(struct im *im, struct iq *q, const struct adhoc_command *c, const char *id, const struct xml_node *form,
                    const char **why);
/* Calls the verb; its answer ends in the next step. */
void adhoc_call(struct adhoc_run *r, const struct bytes *args, size_t n);
/* This one did not work. */
void adhoc_failed(struct adhoc_run *r, struct bytes about, int rc, const char *text);
/* The next step comes at the end of the turn. */
void adhoc_again(struct adhoc_run *r);
/* Answers: what worked; or, when nothing did, the first error. */
void adhoc_finish(struct adhoc_run *r);
/* A value of a record. */
struct bytes adhoc_record_value(struct bytes fields, uint16_t n, const char *key);

/* FORM_TYPE of its forms. */
const char *adhoc_form_type(const struct adhoc_command *c);
/* <command> with its attributes, open. */
void adhoc_put_command(struct buf *b, const struct adhoc_command *c, const char *id, const char *status);
/* audit.c: into the audit trail, by gh-conf. what may be cut. ERR_AGAIN: it is not there, so nothing may be done. */
int adhoc_audit(struct im *im, struct bytes by, const char *command, struct bytes what);

void adhoc_runs_init(struct im *im);
void adhoc_runs_fini(struct im *im);

#endif
