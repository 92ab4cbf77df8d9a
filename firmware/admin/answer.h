/* answer.h - a command's answer on its way from gh-conf to an HTTP client: as one JSON document, as lines of JSON that come
 * as they are made, or as server-sent events. */
#ifndef ADMIN_ANSWER_H
#define ADMIN_ANSWER_H

#include "operator.h"

struct conn;
struct session;

enum answer_form {
	ANSWER_JSON,   /* {"records":[...],"text":...,"notes":[...],"message":...,"changes":N}; a failure is a problem */
	ANSWER_LINES,  /* application/x-ndjson: {"record":{}} {"text":""} {"note":""} and last {"done":{}} or {"need":{}} */
	ANSWER_EVENTS, /* the same as events (WHATWG HTML 9.2), with an operator's connection of its own */
	ANSWER_TEXT,   /* the TEXT frames, as a file */
};

/* What the client's Accept field asks for. */
enum answer_form answer_form_of(const struct conn *c);

/* An answer that is to come: put words into answer_ask, then answer_start. NULL: no memory, or too many live views;
 * the request has been answered then. */
struct answer;
struct answer *answer_new(struct conn *c, struct session *s, enum answer_form form);
/* The same for who has no session: op asks. */
struct answer *answer_new_by(struct conn *c, struct operator *op, enum answer_form form);
/* As lines, with an operator's connection of its own that asks for pieces of a file: {"want":{"word":N,"offset":N,"bytes":N}}; they come
 * by operator_piece. */
struct answer *answer_new_transfer(struct conn *c, struct session *s);
struct ask *answer_ask(struct answer *w);
/* What a browser calls the file (ANSWER_TEXT). Static text. */
void answer_file_name(struct answer *w, const char *name);
/* Another type of an ANSWER_TEXT, which then is no file to keep. Static text. */
void answer_text_type(struct answer *w, const char *type);
void answer_start(struct answer *w);
/* Instead: answers with a problem. */
void answer_refuse(struct answer *w, int status, const char *code, const char *detail);
/* Completions instead of a command: words without kinds. */
struct answer *answer_new_completion(struct conn *c, struct session *s);

#endif
