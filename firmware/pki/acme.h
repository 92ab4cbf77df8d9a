/* acme.h - certificates by ACME (RFC 8555): which ones are due (acme.c), one order at a time step by step (acme_order.c),
 * signed requests (acme_request.c), what operators ask (acme_commands.c), when the authority wants a renewal (acme_renewal.c).
 *
 *     directory -> account key -> [binding] -> account -> order -> ( authorization -> challenge -> wait )* -> wait ready
 *               -> certificate request -> finalize -> [wait] -> chain -> keep
 *
 * Nothing of an order is kept over the end of this process: the next one begins anew, and authorities remember what was
 * proved. The account's key is in gh-keys, so the account is found again by it. What runs is replaced only by a whole chain
 * that gh-conf has taken, in one commit. */
#ifndef PKI_ACME_H
#define PKI_ACME_H

#include "acme_json.h"
#include "acme_jws.h"
#include "chain.h"
#include "door.h"
#include "fetch.h"

#include "base/list.h"
#include "run/bus.h"
#include "run/settings.h"

enum { ACME_CERTIFICATES_MAX = 100, ACME_NAME_BYTES = 254, ACME_WHY_BYTES = 400 };

enum acme_step {
	STEP_NONE, STEP_DIRECTORY, STEP_KEY, STEP_BIND, STEP_ACCOUNT, STEP_ORDER, STEP_AUTHORIZATION, STEP_CHALLENGE, STEP_WAIT_AUTHORIZATION,
	STEP_WAIT_READY, STEP_REQUEST, STEP_FINALIZE, STEP_WAIT_ORDER, STEP_CHAIN, STEP_KEEP, STEP_COUNT
};

struct acme_names {
	size_t n;
	char v[ACME_NAMES_MAX][ACME_NAME_BYTES]; /* A-labels */
};

/* One `certificate *` with acme on. */
struct acme_certificate {
	struct list node;
	char name[64];
	struct acme_names names;
	char key_type[16];
	int64_t from_s, until_s, renew_s; /* of what runs, since 1970; 0: nothing runs. renew_s: by its life alone */
	char id[CHAIN_ID_BYTES];  /* of what runs, for the authority (RFC 9773 4.1); "" none */
	bool is_replaced;         /* the authority does not take that as what an order replaces */
	struct {                  /* acme_renewal.c: what the authority says of when */
		int64_t start_s, end_s, at_s; /* at_s 0: nothing */
		uint64_t next_ms;             /* when it is asked again, on the loop's clock */
		char explanation[ACME_EXPLANATION_BYTES];
	} info;
	int64_t renewed_s;        /* when the last order ended well; 0: none since this program runs */
	bool is_due;              /* nothing runs, or not what is wanted, or it is time to renew */
	bool is_asked;            /* acme renew, until it is done */
	uint64_t next_ms;         /* not before, on the loop's clock */
	unsigned failures;        /* one after the other */
	int64_t tried_s;          /* since 1970; 0: never */
	char why[ACME_WHY_BYTES]; /* of the last failure; "" */
	bool is_seen;             /* in the settings that come */
};

struct acme_config {
	char directory[ACME_URL_MAX + 1], contact[256], bind_id[256];
	bool is_agreed;
	const char *challenge; /* "http-01", "tls-alpn-01" */
};

struct acme {
	struct loop *loop;
	struct bus *bus;
	struct fetcher *fetcher;
	struct door *door;
	struct acme_config config;
	struct list certificates;
	size_t n_certificates;
	struct loop_timer tick;

	/* what is known of the authority, and of our account there */
	struct acme_directory directory; /* new_order "": not read yet */
	struct acme_key key;
	char kid[ACME_URL_MAX + 1]; /* URL of the account; "" not known */
	char nonce[256];            /* good for one request; "" none */

	/* the order under way */
	enum acme_step step;
	struct acme_certificate *certificate;
	struct loop_timer wait, deadline;
	bool is_account_renewed; /* the authority had forgotten the account once */
	char order_url[ACME_URL_MAX + 1];
	struct acme_order order;
	struct acme_authorization authorization;
	size_t at; /* which authorization */
	struct buf binding, request, chain;

	bool has_replaced;       /* it says which certificate it replaces */

	/* the question under way about when to renew: beside an order */
	struct fetch *info_fetch;
	struct acme_certificate *info_of;

	/* the request under way: to the authority, or a question to gh-keys or gh-conf */
	struct fetch *fetch;
	uint32_t ask_id; /* 0: none */
	char url[ACME_URL_MAX + 1];
	struct buf payload, input;
	bool has_jwk; /* signed with the key itself, not by the account's URL */
	unsigned tries;
	uint64_t issued_n, failed_n, requests_n, bad_nonces_n;
};

void acme_init(struct acme *a, struct loop *l, struct bus *b, struct fetcher *f, struct door *d);
void acme_fini(struct acme *a);
/* Is what the settings say of ACME good? *path into room. */
int acme_check(const struct settings *s, char path[static 256], const char **why);
void acme_apply(struct acme *a, const struct settings *s);
/* MSG_ACME_ANSWER and MSG_ACME_KEPT. ERR_PROTOCOL. */
int acme_on_answer(struct acme *a, const struct frame *f);
int acme_on_kept(struct acme *a, const struct frame *f);
/* gh-keys or gh-conf has gone: what it was asked is not answered. */
void acme_down(struct acme *a, enum prog p);

/* ---- inside ---- */
/* acme.c */
struct acme_certificate *acme_find(struct acme *a, struct bytes name);
/* The order under way has ended: why NULL: well. retry_s: when the authority says that it may be tried again, 0 it says nothing;
 * ACME_SOON: it is a program of this box that was away. */
enum { ACME_SOON = -1 };
void acme_ended(struct acme *a, const char *why, int64_t retry_s);
/* Begins the next order that is due, unless one is under way. */
void acme_next(struct acme *a);
/* acme_order.c */
extern const char *const acme_step_names[STEP_COUNT];
void acme_begin(struct acme *a, struct acme_certificate *c);
/* Ends the order under way without a word. */
void acme_abort(struct acme *a);
void acme_fail(struct acme *a, const char *why, int64_t retry_s);
void acme_answered(struct acme *a, const struct fetch_answer *answer);
void acme_asked(struct acme *a, struct wire *w);
void acme_refused(struct acme *a, unsigned status, const struct acme_problem *p, int64_t retry_s);
/* acme_request.c: acme_answered follows, or the order fails. */
void acme_get(struct acme *a, const char *url);
/* payload empty: POST-as-GET. */
void acme_post(struct acme *a, const char *url, struct bytes payload, bool has_jwk);
/* Asks gh-keys; acme_asked follows. Fields are put into the buffer behind the op, then acme_ask_end. */
struct buf *acme_ask(struct acme *a, enum acme_op op);
void acme_ask_end(struct acme *a);
void acme_request_forget(struct acme *a);
/* acme_renewal.c: when what runs is to be renewed; is it time? */
int64_t acme_renewal_s(const struct acme_certificate *c);
bool acme_renewal_is_due(const struct acme_certificate *c, int64_t now_s);
/* Asks the authority about the next one, when it is time. */
void acme_renewal_next(struct acme *a);
void acme_renewal_forget(struct acme *a);
/* acme_commands.c */
struct proc_ask;
void acme_cmd_show(struct acme *a, struct proc_ask *ask, const struct bytes *args, size_t n);
void acme_cmd_renew(struct acme *a, struct proc_ask *ask, const struct bytes *args, size_t n);

#endif
