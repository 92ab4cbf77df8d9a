#include "login.h"

#include "base/err.h"
#include "base/secret.h"
#include "secret_input.h"

#include <stdio.h>

/* Questions of one login: code, new password, code again. */
enum { ROUNDS_MAX = 6, WAIT_MS = 60000 };

struct state {
	const struct login *login;
	struct client_login frame;
	struct buf password, fresh, code;
	enum oper_need need;
	bool is_over;
	int rc;
};

static void show_text(const struct state *s, struct bytes text)
{
	if (!s->login->is_person)
		return;
	/* what an administrator wrote may not move the cursor */
	for (size_t i = 0; i < text.n; i++)
		fputc(text.p[i] == '\n' || text.p[i] >= 0x20 ? text.p[i] : ' ', stderr);
	fputc('\n', stderr);
}

static void show_last(const struct state *s, struct wire *w)
{
	struct bytes last = BYTES_NONE, from = BYTES_NONE, failures = BYTES_NONE, days = BYTES_NONE;

	for (unsigned n = wire_u16(w); n > 0 && !wire_failed(w); n--) {
		struct bytes key = wire_str(w), value = wire_bytes(w);
		last = bytes_eq_str(key, "last_login") ? value : last;
		from = bytes_eq_str(key, "last_from") ? value : from;
		failures = bytes_eq_str(key, "failures") ? value : failures;
		days = bytes_eq_str(key, "password_days") ? value : days;
	}
	if (!s->login->is_person)
		return;
	if (last.n > 0)
		fprintf(stderr, "Last login: %.*s from %.*s.\n", BYTES_FMT(last), BYTES_FMT(from));
	if (failures.n > 0 && !bytes_eq_str(failures, "0"))
		fprintf(stderr, "Failed logins since then: %.*s.\n", BYTES_FMT(failures));
	uint64_t left;
	if (bytes_to_u64(days, UINT32_MAX, &left) == 0 && left <= 14)
		fprintf(stderr, "Your password expires in %llu days: passwd.\n", (unsigned long long)left);
}

static int on_frame(struct state *s, enum oper_frame type, struct wire *w)
{
	struct bytes text;

	switch (type) {
	case OPER_BANNER:
		(void)wire_u8(w);
		text = wire_str(w);
		show_text(s, text);
		return 0;
	case OPER_RECORD:
		show_last(s, w);
		return 0;
	case OPER_NOTE:
		text = wire_str(w);
		fprintf(stderr, "note: %.*s\n", BYTES_FMT(text));
		return 0;
	case OPER_NEED:
		s->need = (enum oper_need)wire_u8(w);
		(void)wire_u16(w);
		text = wire_str(w);
		if (s->need == OPER_NEED_PASSWORD_NEW)
			fprintf(stderr, "%.*s\n", BYTES_FMT(text));
		s->is_over = true;
		return 0;
	case OPER_DONE:
		s->rc = (int)wire_u32(w);
		text = wire_str(w);
		if (s->rc < 0)
			fprintf(stderr, "error: %.*s\n", BYTES_FMT(text));
		s->is_over = true;
		return 0;
	default:
		return ERR_PROTOCOL;
	}
}

static int read_answer(struct state *s)
{
	enum oper_frame type;
	struct wire w;
	int rc = 0;

	s->is_over = false;
	s->need = 0;
	s->rc = 0;
	while (rc == 0 && !s->is_over) {
		rc = client_next(s->login->client, WAIT_MS, &type, &w);
		if (rc == 0)
			rc = on_frame(s, type, &w);
		if (rc == 0 && wire_failed(&w))
			rc = ERR_PROTOCOL;
	}
	return rc;
}

static int ask(const struct state *s, const char *prompt, bool is_new, struct buf *out)
{
	secret_wipe(out->p, out->cap);
	buf_clear(out);
	int rc = secret_input(prompt, s->login->is_person, is_new, out);
	if (rc == ERR_NOT_FOUND && out == &s->password)
		return 0; /* a fresh box: Enter (G-BOOT-02) */
	if (rc < 0)
		fprintf(stderr, "error: %s\n", rc == ERR_SYNTAX ? "the two were not the same" : "nothing was given");
	return rc;
}

/* The next frame's fields; false: nothing more can be given. */
static bool prepare(struct state *s)
{
	if (s->need == OPER_NEED_CODE) {
		if (ask(s, "Code: ", false, &s->code) < 0)
			return false;
	} else if (s->need == OPER_NEED_PASSWORD_NEW || s->rc == ERR_RANGE) {
		s->frame.is_new = true;
		if (ask(s, "New password: ", true, &s->fresh) < 0)
			return false;
	} else {
		s->frame.is_new = false;
		secret_wipe(s->code.p, s->code.cap);
		buf_clear(&s->code);
		if (ask(s, "Password: ", false, &s->password) < 0)
			return false;
	}
	s->frame.password = buf_bytes(&s->password);
	s->frame.fresh = buf_bytes(&s->fresh);
	s->frame.code = buf_bytes(&s->code);
	return true;
}

/* A script has one try; a person as many as gh-conf lets him. */
static int converse(struct state *s)
{
	unsigned refused = 0;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < ROUNDS_MAX && refused < OPER_TRIES; i++) {
		if (!prepare(s))
			return ERR_AUTH;
		rc = client_login(s->login->client, &s->frame);
		if (rc == 0)
			rc = read_answer(s);
		if (rc < 0)
			return rc == ERR_CLOSED && s->rc < 0 ? ERR_AUTH : rc;
		if (s->need == 0 && s->rc == 0)
			return 0;
		refused += s->need == 0 && s->rc == ERR_AUTH;
		if (s->need == 0 && !s->login->is_person)
			return ERR_AUTH;
		if (s->need == 0 && s->rc != ERR_AUTH && s->rc != ERR_RANGE)
			return ERR_AUTH;
	}
	return rc < 0 ? rc : ERR_AUTH;
}

static void fini(struct buf *b)
{
	secret_wipe(b->p, b->cap);
	buf_fini(b);
}

int login_run(const struct login *l)
{
	struct state s = { .login = l, .frame = { .name = l->name } };

	buf_init(&s.password, OPER_PASSWORD_MAX);
	buf_init(&s.fresh, OPER_PASSWORD_MAX);
	buf_init(&s.code, 64);
	int rc = client_hello(l->client, l->role);
	if (rc == 0)
		rc = read_answer(&s);
	if (rc == 0 && s.rc < 0)
		rc = ERR_PROTOCOL;
	if (rc == 0 && l->name)
		rc = converse(&s);
	fini(&s.password);
	fini(&s.fresh);
	fini(&s.code);
	return rc;
}
