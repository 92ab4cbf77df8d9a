#include "zone.h"

#include "base/err.h"
#include "clock.h"
#include "port.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READY_MS = 10000, LOOK_MS = 50 };

/* The server runs as whoever runs the demo, in the foreground, and knows these two domains only. */
static void put_unbound(const struct zone *z, const char *folder, const struct company *all, unsigned n, struct buf *b)
{
	buf_putf(b, "server:\n"
	            "  directory: \"%s\"\n  chroot: \"\"\n  username: \"\"\n  pidfile: \"\"\n"
	            "  interface: 127.0.0.1\n  port: %u\n  do-daemonize: no\n  use-syslog: no\n  logfile: \"\"\n"
	            "  access-control: 127.0.0.0/8 allow\n  num-threads: 1\n"
	            "  module-config: \"iterator\"\n  do-not-query-localhost: yes\n"
	            "  local-zone: \".\" static\n", folder, z->port);
	for (unsigned i = 0; i < n; i++) {
		const struct company *c = &all[i];
		buf_putf(b, "  local-zone: \"%s.\" static\n"
		            "  local-data: \"_xmpp-server._tcp.%s. 60 IN SRV 1 1 %u xmpp.%s.\"\n"
		            "  local-data: \"_xmpps-server._tcp.%s. 60 IN SRV 2 1 %u xmpp.%s.\"\n"
		            "  local-data: \"_xmpp-client._tcp.%s. 60 IN SRV 1 1 %u xmpp.%s.\"\n"
		            "  local-data: \"xmpp.%s. 60 IN A %s\"\n",
		         c->domain, c->domain, c->s2s, c->domain, c->domain, c->s2s_tls, c->domain, c->domain, c->c2s,
		         c->domain, c->domain, c->addr);
	}
	buf_putf(b, "remote-control:\n  control-enable: no\n");
}

static void put_dnsmasq(const struct zone *z, const struct company *all, unsigned n, struct buf *b)
{
	buf_putf(b, "keep-in-foreground\nlisten-address=127.0.0.1\nbind-interfaces\nport=%u\n"
	            "no-resolv\nno-hosts\nuser=\npid-file=\n", z->port);
	for (unsigned i = 0; i < n; i++) {
		const struct company *c = &all[i];
		buf_putf(b, "local=/%s/\nhost-record=xmpp.%s,%s\n"
		            "srv-host=_xmpp-server._tcp.%s,xmpp.%s,%u,1,1\n"
		            "srv-host=_xmpps-server._tcp.%s,xmpp.%s,%u,2,1\n"
		            "srv-host=_xmpp-client._tcp.%s,xmpp.%s,%u,1,1\n",
		         c->domain, c->domain, c->addr, c->domain, c->domain, c->s2s, c->domain, c->domain, c->s2s_tls,
		         c->domain, c->domain, c->c2s);
	}
}

static int write_config(const char *path, struct bytes text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ssize_t n = fd < 0 ? -1 : write(fd, text.p, text.n);

	if (fd >= 0)
		(void)close(fd); /* a throw-away file; n tells enough */
	return n == (ssize_t)text.n ? 0 : ERR_IO;
}

static const char *first_there(const char *const *paths)
{
	for (; *paths; paths++) {
		if (access(*paths, X_OK) == 0)
			return *paths;
	}
	return NULL;
}

static bool accepts(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_there = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0;

	if (fd >= 0)
		(void)close(fd); /* it was only a question */
	return is_there;
}

static int start(struct zone *z, const char *program, const char *config, const char *log)
{
	const char *unbound[] = { program, "-d", "-c", config, NULL };
	char option[600];
	const char *dnsmasq[] = { program, option, NULL };
	uint64_t until = clock_ms() + READY_MS;

	snprintf(option, sizeof option, "--conf-file=%s", config);
	if (child_start(&z->server, strcmp(z->by, "unbound") == 0 ? unbound : dnsmasq, log) < 0)
		return ERR_SYS;
	while (child_is_running(&z->server) && clock_ms() < until) {
		if (accepts(z->port))
			return 0;
		clock_sleep(LOOK_MS);
	}
	return ERR_TIMEOUT;
}

int zone_start(struct zone *z, const char *folder, const struct company *companies, unsigned n)
{
	static const char *const unbounds[] = { "/usr/sbin/unbound", "/usr/local/sbin/unbound", NULL };
	static const char *const dnsmasqs[] = { "/usr/sbin/dnsmasq", "/usr/local/sbin/dnsmasq", NULL };
	const char *program = first_there(unbounds);
	char config[512], log[512];
	struct buf b;

	*z = (struct zone){ .by = program ? "unbound" : "dnsmasq", .port = port_free("127.0.0.1", 15353) };
	if (!program && !(program = first_there(dnsmasqs))) {
		snprintf(z->why, sizeof z->why, "neither unbound nor dnsmasq is installed");
		return ERR_NOT_FOUND;
	}
	snprintf(config, sizeof config, "%s/zone.conf", folder);
	snprintf(log, sizeof log, "%s/zone.log", folder);
	buf_init(&b, 64 << 10);
	if (strcmp(z->by, "unbound") == 0)
		put_unbound(z, folder, companies, n, &b);
	else
		put_dnsmasq(z, companies, n, &b);
	int rc = z->port ? write_config(config, buf_bytes(&b)) : ERR_FULL;
	buf_fini(&b);
	if (rc == 0)
		rc = start(z, program, config, log);
	if (rc < 0)
		snprintf(z->why, sizeof z->why, "%s did not start; see %s", z->by, log);
	return rc;
}

void zone_stop(struct zone *z)
{
	child_stop(&z->server, 3000);
}
