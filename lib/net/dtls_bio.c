#include "net/dtls_impl.h"

#include "net/tls_conn.h"

static int read_datagram(BIO *b, char *out, int room)
{
	struct dtls *t = BIO_get_data(b);
	size_t n = t->in.n < (size_t)room ? t->in.n : (size_t)room;

	BIO_clear_retry_flags(b);
	if (n == 0) {
		BIO_set_retry_read(b);
		return -1;
	}
	memcpy(out, t->in.p, n);
	t->in = BYTES_NONE; /* what has no room is longer than any record */
	return (int)n;
}

static void answer(struct dtls_door *d, const char *p, size_t n)
{
	if (n > sizeof d->answer)
		return;
	memcpy(d->answer, p, n);
	d->answer_n = n;
}

static int write_datagram(BIO *b, const char *p, int n)
{
	struct dtls *t = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	switch (t->state) {
	case DTLS_LISTENING:
		answer(t->door, p, (size_t)n);
		break;
	case DTLS_HANDSHAKE:
	case DTLS_SECURE:
		t->owner->send(t->arg, bytes_make(p, (size_t)n));
		break;
	default:
		break; /* nobody is to hear it */
	}
	return n;
}

static long control(BIO *b, int command, long number, void *p)
{
	(void)b;
	(void)number;
	(void)p;
	return command == BIO_CTRL_FLUSH;
}

static int begin(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

BIO_METHOD *dtls_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "datagram of an association");

	if (m && BIO_meth_set_read(m, read_datagram) == 1 && BIO_meth_set_write(m, write_datagram) == 1 &&
	    BIO_meth_set_ctrl(m, control) == 1 && BIO_meth_set_create(m, begin) == 1)
		return m;
	BIO_meth_free(m);
	return NULL;
}
