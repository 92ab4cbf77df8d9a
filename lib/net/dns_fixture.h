/* net/dns_fixture.h - a name server of a test's own, on the loopback. */
#ifndef NET_DNS_FIXTURE_H
#define NET_DNS_FIXTURE_H

#include "net/dns.h"

enum dns_fixture_mode { ANSWER, SERVFAIL, SILENT, GARBAGE, NXDOMAIN };
struct server_row {
	const char *name; /* as asked, dots between labels */
	uint16_t type;
	enum dns_fixture_mode mode;
	const char *rdata;
	uint16_t rdata_n;
};
#define ROW(name, type, mode, rdata) { name, type, mode, rdata, sizeof(rdata) - 1 }
/* Numbers in octal or hex escapes; the name in labels. */
#define SRV_RDATA(priority, port_hi, port_lo, labels) "\0" priority "\0\5" port_hi port_lo labels

struct dns_fixture {
	struct loop *loop;
	struct dns *dns; /* asks this server */
	struct loop_watch watch;
	int fd;
	const struct server_row *rows;
	size_t n_rows;
	unsigned asked;
	bool says_ad;
};

/* Ends the test when the kernel refuses. */
void dns_fixture_open(struct dns_fixture *f, struct loop *l, const struct server_row *rows, size_t n_rows, bool validates);
/* As a server of a dns_config. */
void dns_fixture_address(const struct dns_fixture *f, char out[static 64]);
void dns_fixture_close(struct dns_fixture *f);

#endif
