#include "library.h"

#include <stdlib.h>
#include <unistd.h>

enum { MESSAGE_MAX = 8192, TIMEOUT_US = 2000000, RETRIES = 2 };

static const oid udp_domain[] = { 1, 3, 6, 1, 6, 1, 1 }; /* snmpUDPDomain, RFC 3417 2 */

static int close_transport(netsnmp_transport *t)
{
	int rc = t->sock >= 0 ? close(t->sock) : -1;

	t->sock = -1;
	return rc;
}

static char *put_address(netsnmp_transport *t, const void *data, int n)
{
	(void)t, (void)data, (void)n;
	return strdup("udp");
}

static netsnmp_transport *transport_of(int fd, library_take_fn take, library_give_fn give, void *arg)
{
	netsnmp_transport *t = calloc(1, sizeof *t);
	void **word = t ? malloc(sizeof *word) : NULL;

	if (!word) {
		free(t);
		(void)close(fd); /* nothing was done with it */
		return NULL;
	}
	*word = arg;
	t->domain = udp_domain;
	t->domain_length = OID_LENGTH(udp_domain);
	t->sock = fd;
	t->data = word;
	t->data_length = sizeof *word;
	t->msgMaxSize = MESSAGE_MAX;
	t->f_recv = take;
	t->f_send = give;
	t->f_close = close_transport;
	t->f_fmtaddr = put_address;
	return t;
}

void *library_session(int fd, library_take_fn take, library_give_fn give, netsnmp_callback on_pdu, void *arg, bool is_agent)
{
	netsnmp_transport *t = transport_of(fd, take, give, arg);
	netsnmp_session wish;

	if (!t)
		return NULL;
	snmp_sess_init(&wish);
	wish.version = SNMP_DEFAULT_VERSION; /* each message has its own */
	wish.callback = on_pdu;
	wish.callback_magic = arg;
	wish.isAuthoritative = is_agent ? SNMP_SESS_AUTHORITATIVE : SNMP_SESS_NONAUTHORITATIVE;
	wish.timeout = TIMEOUT_US;
	wish.retries = RETRIES;
	wish.flags |= SNMP_FLAGS_DONT_PROBE;
	void *session = snmp_sess_add(&wish, t, NULL, NULL); /* on failure the transport is gone */
	netsnmp_session *made = session ? snmp_sess_session(session) : NULL;
	if (made)
		made->flags |= SNMP_FLAGS_DONT_PROBE; /* the library would wait for the other side */
	return session;
}

void library_read(void *session, int fd)
{
	fd_set ready;

	if (fd < 0 || fd >= FD_SETSIZE)
		return; /* never: RLIMIT_NOFILE is less */
	FD_ZERO(&ready);
	FD_SET(fd, &ready);
	(void)snmp_sess_read(session, &ready); /* what is wrong with a message is counted by the library */
}

void library_put(netsnmp_pdu *pdu, const oid *name, size_t n, const struct value *v, uint64_t now_ms)
{
	struct counter64 large = { (u_long)(v->number >> 32), (u_long)(v->number & 0xffffffff) };
	uint32_t number = v->number > UINT32_MAX ? UINT32_MAX : (uint32_t)v->number;
	int32_t whole = (int32_t)v->number;
	oid other[VIEW_NAME_MAX];

	switch (v->type) {
	case VALUE_INTEGER:
		(void)snmp_pdu_add_variable(pdu, name, n, ASN_INTEGER, &whole, sizeof whole);
		break;
	case VALUE_OCTETS:
		(void)snmp_pdu_add_variable(pdu, name, n, ASN_OCTET_STR, v->octets.p, v->octets.n);
		break;
	case VALUE_NAME: {
		size_t n_other = v->octets.n / sizeof(uint32_t);
		for (size_t i = 0; i < n_other && i < VIEW_NAME_MAX; i++) {
			uint32_t id;
			memcpy(&id, v->octets.p + i * sizeof id, sizeof id);
			other[i] = id;
		}
		(void)snmp_pdu_add_variable(pdu, name, n, ASN_OBJECT_ID, other, n_other * sizeof *other);
		break;
	}
	case VALUE_COUNTER32:
		number = (uint32_t)v->number; /* it wraps */
		(void)snmp_pdu_add_variable(pdu, name, n, ASN_COUNTER, &number, sizeof number);
		break;
	case VALUE_GAUGE32:
		(void)snmp_pdu_add_variable(pdu, name, n, ASN_GAUGE, &number, sizeof number);
		break;
	case VALUE_TICKS:
		number = (uint32_t)v->number;
		(void)snmp_pdu_add_variable(pdu, name, n, ASN_TIMETICKS, &number, sizeof number);
		break;
	case VALUE_SINCE:
		number = (uint32_t)((now_ms - v->number) / 10);
		(void)snmp_pdu_add_variable(pdu, name, n, ASN_TIMETICKS, &number, sizeof number);
		break;
	case VALUE_COUNTER64:
		(void)snmp_pdu_add_variable(pdu, name, n, ASN_COUNTER64, &large, sizeof large);
		break;
	}
}
