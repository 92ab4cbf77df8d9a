/* Rules about what people outside may log in with (im authorise; ). */
#include "check_impl.h"

/* A row has a say of its own; without one the default has, and of the account's password `im login-outside`. */
static bool is_off(const struct rows *r, enum setting id, struct bytes domain)
{
	return bytes_eq_str(rows_value(r, id, domain), "off");
}

static bool is_user_off(const struct rows *r, struct bytes domain)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].row->id == SET_IM_AUTHORISE_USER && bytes_eq(r->v[i].key, domain))
			return bytes_eq_str(r->v[i].value, "off");
	return bytes_eq_str(rows_value(r, SET_IM_LOGIN_OUTSIDE, BYTES_NONE), "app-password");
}

static bool has_provider(const struct rows *r)
{
	return check_is_set(r, SET_IM_OAUTH_ISSUER, BYTES_NONE) && check_is_set(r, SET_IM_OAUTH_AUDIENCE, BYTES_NONE) &&
	       check_is_set(r, SET_IM_OAUTH_KEY, BYTES_NONE);
}

static bool takes_nothing(const struct rows *r, struct bytes domain)
{
	return is_user_off(r, domain) && is_off(r, SET_IM_AUTHORISE_APP, domain) &&
	       (is_off(r, SET_IM_AUTHORISE_OAUTH, domain) || !has_provider(r));
}

static bool is_row(enum setting id)
{
	return id == SET_IM_AUTHORISE_USER || id == SET_IM_AUTHORISE_OAUTH || id == SET_IM_AUTHORISE_APP || id == SET_IM_AUTHORISE_FAST;
}

void check_authorise(const struct rows *r, struct check *c)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct row_item *item = &r->v[i];
		if (!is_row(item->row->id))
			continue;
		if (!check_is_set(r, SET_DOMAIN_CERTIFICATE, item->key))
			check_add(c, false, item->path, "this domain is not hosted here, so the row is about nobody");
		else if (takes_nothing(r, item->key))
			check_add(c, false, item->path, "nobody of this domain can log in from outside");
	}
}
