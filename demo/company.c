#include "company.h"

#include "base/err.h"
#include "base/random.h"
#include "ca.h"
#include "clock.h"
#include "port.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READY_MS = 30000, LOOK_MS = 100, ASK_MS = 20000 };

static void path_of(const struct company *c, const char *file, char out[static COMPANY_PATH])
{
	snprintf(out, COMPANY_PATH, "%s/%s", c->folder, file);
}

static int write_file(struct company *c, const char *file, struct bytes content)
{
	char path[COMPANY_PATH];

	path_of(c, file, path);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	ssize_t n = fd < 0 ? -1 : write(fd, content.p, content.n);
	if (fd >= 0)
		(void)close(fd); /* a throw-away file; n tells enough */
	if (n == (ssize_t)content.n)
		return 0;
	snprintf(c->why, sizeof c->why, "%s cannot be written", path);
	return ERR_IO;
}

static int make_certificates(struct company *c)
{
	char name[64];
	struct buf root, leaf;
	int rc;

	snprintf(name, sizeof name, "%s demo authority", c->name);
	struct ca *ca = ca_new(name);
	buf_init(&root, 64 << 10);
	buf_init(&leaf, 64 << 10);
	rc = ca ? ca_put_root(ca, &root) : ERR_NOMEM;
	if (rc == 0)
		rc = ca_issue(ca, c->domain, &leaf);
	if (rc < 0)
		snprintf(c->why, sizeof c->why, "no certificates: %s", err_text(rc));
	if (rc == 0)
		rc = write_file(c, "authority.pem", buf_bytes(&root));
	if (rc == 0)
		rc = write_file(c, "main.pem", buf_bytes(&leaf));
	buf_fini(&root);
	buf_fini(&leaf);
	ca_free(ca);
	return rc;
}

static int make_folder(struct company *c, const char *name, mode_t mode)
{
	char path[COMPANY_PATH];

	path_of(c, name, path);
	if (mkdir(path, mode) == 0 || access(path, W_OK) == 0)
		return 0;
	snprintf(c->why, sizeof c->why, "%s cannot be made", path);
	return ERR_IO;
}

int company_prepare(struct company *c)
{
	c->c2s = port_free(c->addr, 15222);
	c->c2s_tls = port_free(c->addr, 15223);
	c->s2s = port_free(c->addr, 15269);
	c->s2s_tls = port_free(c->addr, 15270);
	c->web = port_free(c->addr, 15443);
	random_hex(c->password, 12);
	if (!c->web || !c->c2s || !c->c2s_tls || !c->s2s || !c->s2s_tls || c->c2s == c->c2s_tls || c->s2s == c->s2s_tls) {
		snprintf(c->why, sizeof c->why, "no free ports at %s from 15222, 15269 and 15443", c->addr);
		return ERR_FULL;
	}
	/* Programs of other users pass through the folder to their own; they cannot list it. */
	int rc = make_folder(c, "", 0711);
	if (rc == 0)
		rc = make_folder(c, "state", 0711);
	if (rc == 0)
		rc = make_folder(c, "run", 0711);
	return rc == 0 ? make_certificates(c) : rc;
}

/* ---- asking the gateway ---- */

static int ask(struct company *c, const char *option, const char *const *words, struct bytes script, struct buf *out)
{
	char shell[COMPANY_PATH], socket[COMPANY_PATH];
	const char *argv[12] = { shell, "--socket", socket };
	size_t n = 3;
	int code = 0;

	snprintf(shell, sizeof shell, "%s/ghsh", c->bin);
	path_of(c, "run/ghsh.sock", socket);
	if (option)
		argv[n++] = option;
	while (words && *words && n < 11)
		argv[n++] = *words++;
	int rc = child_run(argv, script, ASK_MS, out, &code);
	return rc < 0 ? rc : code == 0 ? 0 : code == 3 ? ERR_CLOSED : ERR_DENIED;
}

/* Do all programs run, in their settings? */
static bool is_ready(struct company *c)
{
	static const char *const words[] = { "show", "processes", NULL };
	struct buf out;
	size_t n = 0, n_running = 0, i;
	json_t *all = NULL, *one;

	buf_init(&out, 1 << 20);
	if (ask(c, "--json", words, BYTES_NONE, &out) == 0)
		all = json_loadb((const char *)buf_bytes(&out).p, buf_len(&out), 0, NULL);
	json_array_foreach(all, i, one) {
		const char *state = json_string_value(json_object_get(one, "state"));
		n++;
		n_running += state && strcmp(state, "running") == 0;
	}
	json_decref(all);
	buf_fini(&out);
	return n >= 7 && n == n_running;
}

static int wait_until_ready(struct company *c)
{
	uint64_t until = clock_ms() + READY_MS;

	while (clock_ms() < until && child_is_running(&c->gateway)) {
		if (is_ready(c))
			return 0;
		clock_sleep(LOOK_MS);
	}
	snprintf(c->why, sizeof c->why, child_is_running(&c->gateway) ? "not all programs run; see %s/log" :
	         "the gateway ended; see %s/log", c->folder);
	return ERR_TIMEOUT;
}

static void put_script(const struct company *c, const struct company *p, uint16_t dns_port, struct buf *b)
{
	buf_putf(b, "certificate import main %s/main.pem\n", c->folder);
	buf_putf(b, "set system name %s\n", c->name);
	buf_putf(b, "set domain %s certificate main\n", c->domain);
	buf_putf(b, "set access listen demo %s %u\n", c->addr, c->c2s);
	buf_putf(b, "set access listen-tls demo %s %u\n", c->addr, c->c2s_tls);
	buf_putf(b, "set federation listen demo %s %u\n", c->addr, c->s2s);
	buf_putf(b, "set federation listen-tls demo %s %u\n", c->addr, c->s2s_tls);
	buf_putf(b, "set web certificate main\n");
	buf_putf(b, "set web listen demo %s %u\n", c->addr, c->web);
	buf_putf(b, "set trust system off\n");
	buf_putf(b, "set trust anchor %s %s/authority.pem\n", p->name, p->folder);
	buf_putf(b, "set federation peer %s action allow\n", p->domain);
	buf_putf(b, "set federation peer %s authority %s\n", p->domain, p->name);
	buf_putf(b, "set dns server 1 127.0.0.1 %u\n", dns_port);
	buf_putf(b, "commit\n");
	buf_putf(b, "operator add operator admin %s\n", c->password);
	for (unsigned i = 0; i < COMPANY_USERS; i++)
		buf_putf(b, "user add %s@%s %s\n", c->users[i], c->domain, c->password);
}

static int set_up(struct company *c, const struct company *partner, uint16_t dns_port)
{
	struct buf script, out;

	buf_init(&script, 64 << 10);
	buf_init(&out, 1 << 20);
	put_script(c, partner, dns_port, &script);
	int rc = ask(c, NULL, NULL, buf_bytes(&script), &out);
	if (rc < 0)
		snprintf(c->why, sizeof c->why, "set-up refused: %.900s", buf_cstr(&out));
	buf_fini(&script);
	buf_fini(&out);
	return rc;
}

static bool accepts(const char *addr, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_there = fd >= 0 && inet_pton(AF_INET, addr, &to.sin_addr) == 1 &&
			connect(fd, (struct sockaddr *)&to, sizeof to) == 0;

	if (fd >= 0)
		(void)close(fd); /* it was only a question */
	return is_there;
}

static int wait_for_ports(struct company *c)
{
	uint64_t until = clock_ms() + READY_MS;

	while (clock_ms() < until) {
		if (accepts(c->addr, c->c2s) && accepts(c->addr, c->s2s))
			return 0;
		clock_sleep(LOOK_MS);
	}
	snprintf(c->why, sizeof c->why, "nobody accepts at %s; see %s/log", c->addr, c->folder);
	return ERR_TIMEOUT;
}

int company_start(struct company *c, const struct company *partner, uint16_t dns_port)
{
	char super[COMPANY_PATH], state[COMPANY_PATH], run[COMPANY_PATH], log[COMPANY_PATH], uid[16];
	const char *argv[] = { super, "--bin", c->bin, "--state", state, "--run", run, "--uid-base", uid, NULL };

	snprintf(super, sizeof super, "%s/gh-super", c->bin);
	snprintf(uid, sizeof uid, "%u", c->uid_base);
	path_of(c, "state", state);
	path_of(c, "run", run);
	path_of(c, "log", log);
	int rc = child_start(&c->gateway, argv, log);
	if (rc < 0)
		snprintf(c->why, sizeof c->why, "%s cannot be started", super);
	if (rc == 0)
		rc = wait_until_ready(c);
	if (rc == 0)
		rc = set_up(c, partner, dns_port);
	return rc == 0 ? wait_for_ports(c) : rc;
}

void company_stop(struct company *c)
{
	child_stop(&c->gateway, 10000);
}

bool company_is_running(struct company *c)
{
	return child_is_running(&c->gateway);
}

void company_login(const struct company *c, unsigned user, struct chat_login *out, char ca_path[static COMPANY_PATH])
{
	path_of(c, "authority.pem", ca_path);
	*out = (struct chat_login){ .user = c->users[user], .domain = c->domain, .password = c->password,
		                    .addr = c->addr, .port = c->c2s, .ca_path = ca_path };
}

static void copy(char *to, size_t n, const json_t *record, const char *key)
{
	const char *text = json_string_value(json_object_get(record, key));

	snprintf(to, n, "%s", text ? text : "");
}

void company_proof(struct company *c, const struct company *partner, struct company_proof *out)
{
	const char *words[] = { "show", "federation", partner->domain, NULL };
	struct buf b;
	json_t *all = NULL, *one;
	size_t i;

	*out = (struct company_proof){ "?", "", "?" };
	buf_init(&b, 1 << 20);
	if (ask(c, "--json", words, BYTES_NONE, &b) == 0)
		all = json_loadb((const char *)buf_bytes(&b).p, buf_len(&b), 0, NULL);
	json_array_foreach(all, i, one) {
		const char *proof = json_string_value(json_object_get(one, "proof"));
		if (!proof || !*proof || strcmp(proof, "none") == 0)
			continue;
		copy(out->tls, sizeof out->tls, one, "tls");
		copy(out->cipher, sizeof out->cipher, one, "cipher");
		copy(out->proof, sizeof out->proof, one, "proof");
	}
	json_decref(all);
	buf_fini(&b);
}
