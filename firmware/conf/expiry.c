#include "expiry.h"

#include "base/log.h"
#include "cert.h"

enum { DAY_MS = 86400000 };

static void tell(const struct row_item *domain, struct bytes pem, int64_t wall_s)
{
	struct cert_about about;
	char why[128];

	if (cert_read(pem, &about, why, sizeof why) < 0 || cert_days_left(&about, wall_s) >= CERT_SOON_DAYS)
		return;
	log_warn("conf.certificate.ending", LOG_BYTES("domain", domain->key), LOG_BYTES("certificate", domain->value),
	         LOG_STR("until", about.not_after), LOG_INT("days", cert_days_left(&about, wall_s)));
}

static void on_day(void *arg)
{
	struct expiry *e = arg;
	int64_t wall_s = (int64_t)(loop_wall_ms(e->loop) / 1000);

	for (size_t i = 0; i < e->running->n; i++) {
		const struct row_item *item = &e->running->v[i];
		if (item->row->id == SET_DOMAIN_CERTIFICATE || item->row->id == SET_WEB_CERTIFICATE)
			tell(item, rows_value(e->running, SET_CERTIFICATE_CHAIN, item->value), wall_s);
	}
	(void)loop_timer_set(e->loop, &e->daily, DAY_MS); /* it was set before, so it has room */
}

void expiry_init(struct expiry *e, struct loop *l, const struct rows *running)
{
	*e = (struct expiry){ .loop = l, .running = running };
	loop_timer_init(&e->daily, on_day, e);
	on_day(e);
}

void expiry_fini(struct expiry *e)
{
	loop_timer_del(e->loop, &e->daily);
}
