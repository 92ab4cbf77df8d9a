#include "user.h"

#include "base/err.h"
#include "archive/archive_prefs.h"
#include "ask.h"
#include "auth/auth.h"
#include "auth/directory.h"
#include "delivery/item.h"
#include "delivery/parcel.h"
#include "pep/pep_node.h"
#include "presence/authorise.h"
#include "presence/roster.h"
#include "presence/watch.h"
#include "push/push.h"
#include "session.h"

#include <malloc.h>
#include <stdlib.h>

enum {
	USERS_WITHOUT_SESSION_MAX = 200000, /* loading, or addressed by strangers */
	WAITING_MAX = 1000,
	IDLE_MS = 60000,
	IDLE_NONE_MS = 10000,
	SWEEP_MS = 5000,
	TRIM_AFTER = 500,
};

struct user *user_find(const struct im *im, struct bytes bare)
{
	return map_get(&im->users, bare);
}

/* ---- loading ---- */

static void free_contacts(struct user *u)
{
	for (uint32_t i = 0; i < u->n_contacts; i++)
		free(u->contacts[i]);
	free(u->contacts);
	free(u->blocks);
	free(u->prefs);
	free(u->policy);
	pep_nodes_clear(u);
	push_free(u);
	u->contacts = NULL;
	u->prefs = NULL;
	u->prefs_n = 0;
	u->policy = NULL;
	u->policy_n = 0;
	u->blocks = NULL;
	u->n_contacts = u->n_blocks = 0;
}

static int add_block(struct user *u, struct bytes jid);

static void on_item(struct im *im, struct ask *a, struct wire *w)
{
	struct user *u = a->arg;
	struct contact_parts c;
	int rc = 0;

	switch (wire_u8(w)) {
	case STORE_USER_VERSION: /* comes first: also when the ask is sent again */
		free_contacts(u);
		u->roster_version = wire_u64(w);
		u->is_of_directory = u->is_gone = u->is_disabled = false;
		u->notice_seen = 0;
		break;
	case STORE_USER_CONTACT:
		c.jid = wire_str(w);
		c.bits = wire_u8(w);
		c.name = wire_str(w);
		c.groups = wire_bytes(w);
		c.request = wire_bytes(w);
		c.shared = wire_bytes(w);
		rc = wire_failed(w) ? ERR_SYNTAX : user_put_contact(u, &c) ? 0 : ERR_NOMEM;
		break;
	case STORE_USER_PREFS:
		rc = archive_prefs_set(u, wire_bytes(w));
		break;
	case STORE_USER_POLICY:
		rc = authorise_set(u, wire_bytes(w));
		break;
	case STORE_USER_PUSH:
		rc = push_load(im, u, wire_bytes(w));
		break;
	case STORE_USER_DIRECTORY:
		directory_load(u, wire_bytes(w));
		break;
	case STORE_USER_DISABLED:
		u->is_disabled = true;
		break;
	case STORE_USER_NOTICE:
		(void)bytes_to_u64(wire_bytes(w), UINT64_MAX, &u->notice_seen); /* else none was seen */
		break;
	case STORE_USER_NODE:
		rc = pep_node_load(u, w);
		break;
	default:
		rc = add_block(u, wire_str(w));
	}
	if (rc)
		im_stats[STAT_NO_MEMORY]++;
}

static void run_waiting(struct im *im, struct user *u)
{
	user_pin(u);
	while (!list_is_empty(&u->openers)) {
		struct list *first = u->openers.next;
		list_del(first);
		auth_open_waiting(im, first, u);
	}
	while (!list_is_empty(&u->waiting)) {
		struct parcel *p = LIST_OWNER(u->waiting.next, struct parcel, place_node);
		list_del(&p->place_node);
		u->n_waiting--;
		item_resume(im, p);
	}
	user_unpin(im, u);
}

static void on_loaded(struct im *im, struct ask *a, int rc)
{
	struct user *u = a->arg;

	if (rc)
		free_contacts(u);
	u->state = !rc ? USER_READY : rc == ERR_NOT_FOUND ? USER_NONE : USER_FAILED;
	roster_check_full(im, u);
	run_waiting(im, u);
	user_unpin(im, u);
}

static struct user *add(struct im *im, struct bytes bare)
{
	struct user *u = calloc(1, sizeof *u + bare.n);

	if (!u)
		return NULL;
	u->jid_n = (uint16_t)bare.n;
	memcpy(u->jid, bare.p, bare.n);
	list_init(&u->sessions);
	list_init(&u->waiting);
	list_init(&u->openers);
	list_init(&u->watchers);
	if (map_add(&im->users, user_jid(u), u)) {
		free(u);
		return NULL;
	}
	return u;
}

static void load(struct im *im, struct user *u)
{
	u->state = USER_LOADING;
	user_pin(u);
	wire_put_str(ask_begin(im, STORE_USER_GET), user_jid(u));
	ask_send_free(im, on_item, on_loaded, u, 0);
}

struct user *user_get(struct im *im, struct bytes bare)
{
	struct user *u = user_find(im, bare);

	if (u && u->state != USER_FAILED)
		return u;
	if (!u && im->users.count >= im->sessions.count + USERS_WITHOUT_SESSION_MAX)
		return NULL;
	if (!u)
		u = add(im, bare);
	if (!u) {
		im_stats[STAT_NO_MEMORY]++;
		return NULL;
	}
	load(im, u);
	return u;
}

bool user_wait(struct im *im, struct user *u, struct parcel *p)
{
	(void)im;
	if (!p || u->n_waiting >= WAITING_MAX)
		return false;
	parcel_point_add(p);
	list_add_tail(&u->waiting, &p->place_node);
	u->n_waiting++;
	return true;
}

/* ---- dropping ---- */

void user_pin(struct user *u)
{
	u->pins++;
	list_del(&u->idle_node);
}

static void arm(struct im *im)
{
	if (!loop_timer_is_set(&im->idle_timer) && !list_is_empty(&im->idle_users))
		(void)loop_timer_set(im->loop, &im->idle_timer, SWEEP_MS); /* the next idle one sets it */
}

void user_check_idle(struct im *im, struct user *u)
{
	if (u->pins || u->n_sessions || u->n_waiting || !list_is_empty(&u->openers) || !list_is_empty(&u->watchers) || list_is_linked(&u->idle_node))
		return;
	u->idle_since_ms = loop_now(im->loop);
	list_add_tail(&im->idle_users, &u->idle_node);
	arm(im);
}

void user_unpin(struct im *im, struct user *u)
{
	u->pins--;
	user_check_idle(im, u);
}

static void drop(struct im *im, struct user *u)
{
	map_del(&im->users, user_jid(u));
	list_del(&u->idle_node);
	free_contacts(u);
	free(u);
	im->freed_since_trim++;
}

static void on_sweep(void *arg)
{
	struct im *im = arg;
	uint64_t now = loop_now(im->loop);

	LIST_EACH (it, &im->idle_users) {
		struct user *u = LIST_OWNER(it, struct user, idle_node);
		if (u->idle_since_ms + (u->state == USER_READY ? IDLE_MS : IDLE_NONE_MS) <= now)
			drop(im, u);
		else if (u->idle_since_ms + IDLE_NONE_MS > now)
			break;
	}
	/* Memory goes back after many have left. */
	if (im->freed_since_trim >= TRIM_AFTER) {
		im->freed_since_trim = 0;
		malloc_trim(0);
	}
	arm(im);
}

void user_forget(struct im *im, struct bytes bare)
{
	struct user *u = user_find(im, bare);

	if (u && list_is_linked(&u->idle_node))
		drop(im, u);
}

void user_gone(struct im *im, struct bytes bare)
{
	struct user *u = user_find(im, bare);

	if (!u)
		return;
	user_pin(u);
	session_kick_all(im, u, "not-authorized", "The account is gone");
	u->state = USER_NONE;
	watch_user_over(im, u);
	roster_check_full(im, u);
	user_unpin(im, u);
	user_forget(im, bare);
}

/* ---- contacts ---- */

/* Place of the address, or where it belongs. */
static uint32_t find(const struct user *u, struct bytes bare, bool *is_there)
{
	uint32_t low = 0, high = u->n_contacts;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int c = bytes_cmp(contact_jid(u->contacts[mid]), bare);
		if (c == 0) {
			*is_there = true;
			return mid;
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*is_there = false;
	return low;
}

struct contact *user_contact(const struct user *u, struct bytes bare)
{
	bool is_there;
	uint32_t at = find(u, bare, &is_there);

	return is_there ? u->contacts[at] : NULL;
}

/* Grows in steps: rosters are many and mostly small. */
static int make_room(struct user *u)
{
	uint32_t n = u->n_contacts;

	if (n % 4)
		return 0;
	struct contact **more = realloc(u->contacts, (n + 4) * sizeof *more);
	if (!more)
		return ERR_NOMEM;
	u->contacts = more;
	return 0;
}

struct contact *user_put_contact(struct user *u, const struct contact_parts *parts)
{
	bool is_there;
	uint32_t at = find(u, parts->jid, &is_there);
	struct contact *c = contact_new(parts);

	if (!c)
		return NULL;
	if (is_there) {
		c->is_seen = u->contacts[at]->is_seen;
		free(u->contacts[at]);
		u->contacts[at] = c;
		return c;
	}
	if (make_room(u)) {
		free(c);
		return NULL;
	}
	memmove(u->contacts + at + 1, u->contacts + at, (u->n_contacts - at) * sizeof *u->contacts);
	u->contacts[at] = c;
	u->n_contacts++;
	return c;
}

void user_del_contact(struct user *u, struct bytes bare)
{
	bool is_there;
	uint32_t at = find(u, bare, &is_there);

	if (!is_there)
		return;
	free(u->contacts[at]);
	u->n_contacts--;
	memmove(u->contacts + at, u->contacts + at + 1, (u->n_contacts - at) * sizeof *u->contacts);
}

/* ---- block list ---- */

int user_set_blocks(struct user *u, const struct bytes *jids, uint32_t n)
{
	size_t texts = 0;

	for (uint32_t i = 0; i < n; i++)
		texts += jids[i].n;
	struct bytes *list = malloc((n ? n : 1) * sizeof *list + texts);
	if (!list)
		return ERR_NOMEM;
	uint8_t *at = (uint8_t *)(list + n);
	for (uint32_t i = 0; i < n; i++) {
		memcpy(at, jids[i].p, jids[i].n);
		list[i] = bytes_make(at, jids[i].n);
		at += jids[i].n;
	}
	free(u->blocks);
	u->blocks = list;
	u->n_blocks = n;
	return 0;
}

static int add_block(struct user *u, struct bytes jid)
{
	struct bytes *all = malloc((u->n_blocks + 1) * sizeof *all);

	if (!all)
		return ERR_NOMEM;
	if (u->n_blocks)
		memcpy(all, u->blocks, u->n_blocks * sizeof *all);
	all[u->n_blocks] = jid;
	int rc = user_set_blocks(u, all, u->n_blocks + 1);
	free(all);
	return rc;
}

bool user_blocks(const struct user *u, struct bytes full)
{
	return user_lists_block(u, full) || authorise_keeps_out(u, full);
}

bool user_lists_block(const struct user *u, struct bytes full)
{
	if (!u->n_blocks)
		return false;
	struct jid j = jid_of_normal(full);
	struct bytes bare = jid_bare(&j), domain = jid_domain(&j);
	struct bytes at_domain = bytes_skip(full, j.local_n ? j.local_n + 1u : 0); /* domain/resource */
	for (uint32_t i = 0; i < u->n_blocks; i++) {
		struct bytes b = u->blocks[i];
		if (bytes_eq(b, full) || bytes_eq(b, bare) || bytes_eq(b, domain) || bytes_eq(b, at_domain))
			return true;
	}
	return false;
}

void users_init(struct im *im)
{
	list_init(&im->idle_users);
	loop_timer_init(&im->idle_timer, on_sweep, im);
}

void users_fini(struct im *im)
{
	size_t at = 0;

	loop_timer_del(im->loop, &im->idle_timer);
	for (struct user *u; (u = map_next(&im->users, &at));) {
		LIST_EACH (it, &u->waiting) {
			struct parcel *p = LIST_OWNER(it, struct parcel, place_node);
			list_del(&p->place_node);
			parcel_orphan(p); /* as in sessions_fini */
			parcel_point_drop(im, p);
		}
		free_contacts(u);
		free(u);
	}
	map_fini(&im->users);
}
