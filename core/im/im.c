#include "im.h"

#include "base/err.h"
#include "base/random.h"
#include "adhoc/adhoc.h"
#include "announce/announce.h"
#include "announce/notice.h"
#include "archive/archive.h"
#include "archive/archive_clean.h"
#include "archive/archive_query.h"
#include "ask.h"
#include "bulk/bulk.h"
#include "portable/portable.h"
#include "compliance/compliance.h"
#include "compliance/gate.h"
#include "auth/auth.h"
#include "auth/directory.h"
#include "auth/directory_sync.h"
#include "pep/caps.h"
#include "auth/digest_check.h"
#include "domain.h"
#include "delivery/item.h"
#include "delivery/journal.h"
#include "presence/online.h"
#include "delivery/partner.h"
#include "presence/presence_switch.h"
#include "presence/roster.h"
#include "presence/shared.h"
#include "presence/watch.h"
#include "push/push.h"
#include "delivery/remote.h"
#include "iq/look.h"
#include "iq/report.h"
#include "room/rooms.h"
#include "session.h"
#include "delivery/sm.h"
#include "user.h"

enum { LINE_DIGEST_SHA256 }; /* first in the range of `line digest` */
enum { DAY_MS = 24 * 3600 * 1000 };
enum { ARENA_BYTES_MAX = 32 << 20, OUT_BYTES_MAX = 16 << 20, PARSERS_MAX = 4 };

#define STAT_NAME(id, name) name,
const char *const im_stat_names[IM_STAT_COUNT] = { IM_STATS(STAT_NAME) };
#undef STAT_NAME
uint64_t im_stats[IM_STAT_COUNT];

const struct bus_handler im_handlers[] = {
	{ MSG_AUTH_START, auth_on_start },
	{ MSG_AUTH_RESPONSE, auth_on_response },
	{ MSG_AUTH_ABORT, auth_on_abort },
	{ MSG_SESSION_OPEN, auth_on_open },
	{ MSG_SESSION_ENTER, auth_on_enter },
	{ MSG_DIGEST_CHECK, digest_on_check },
	{ MSG_SESSION_RESUME, sm_on_resume },
	{ MSG_SESSION_CLOSED, gate_on_frame },
	{ MSG_SESSION_CSI, gate_on_frame },
	{ MSG_SM_ENABLE, gate_on_frame },
	{ MSG_SM_REQUEST, gate_on_frame },
	{ MSG_SM_ACK, sm_on_ack },
	{ MSG_STANZA, gate_on_frame },
	{ MSG_WRITTEN, session_on_written },
	{ MSG_ROUTE, gate_on_frame },
	{ MSG_COMPLY_WRITTEN, compliance_on_written },
	{ MSG_ROUTE_DONE, remote_on_done },
	{ MSG_UPLOAD_SLOT_MADE, upload_on_made },
	{ MSG_UPLOAD_FACT, upload_on_fact },
	{ MSG_DIR_VERDICT, directory_on_verdict },
	{ MSG_DIR_KNOWN, directory_on_known },
	{ MSG_DIR_CHANGE, directory_on_change },
	{ MSG_DIR_FOUND, look_on_found },
	{ MSG_DIR_ROSTER, shared_on_roster },
	{ MSG_STORE_ITEM, ask_on_item },
	{ MSG_STORE_DONE, ask_on_done },
};
const size_t im_n_handlers = sizeof im_handlers / sizeof im_handlers[0];

uint64_t im_next_id(struct im *im)
{
	im->sequence = (im->sequence + 1) & 0xffffffffffff;
	return (uint64_t)PROG_IM << 56 | (uint64_t)im->instance << 48 | im->sequence;
}

int im_init(struct im *im, struct loop *loop, struct bus *bus, unsigned instance)
{
	memset(im, 0, sizeof *im);
	im->loop = loop;
	im->bus = bus;
	im->instance = instance;
	im->started_ms = loop_now(loop);
	im->sequence = random_u64() & 0x7fffffffffff;
	arena_init(&im->arena, ARENA_BYTES_MAX);
	buf_init(&im->out, OUT_BYTES_MAX);
	buf_init(&im->out2, OUT_BYTES_MAX);
	buf_init(&im->ask_body, OUT_BYTES_MAX);
	list_init(&im->ask_order);
	users_init(im);
	watches_init(im);
	partners_init(im);
	caps_init(im);
	list_init(&im->reports);
	adhoc_init(im);
	announce_init(im);
	oauth_init();
	journal_init(im);
	archive_init(im);
	archive_query_init(im);
	archive_clean_init(im);
	compliance_init(im);
	gate_init(im);
	im->parsers = xml_pool_new(PARSERS_MAX);
	int rc = im->parsers ? remote_init(im) : ERR_NOMEM;
	if (!rc)
		rc = rooms_init(im);
	if (!rc)
		rc = auth_init(im);
	if (rc)
		return rc;
	/* First of all asks, whenever gh-store comes. */
	auth_ask_secret(im);
	notices_load(im);
	journal_settle(im);
	return 0;
}

void im_fini(struct im *im)
{
	gate_fini(im);
	compliance_fini(im);
	upload_fini(im);
	push_fini(im);
	directory_fini(im);
	look_down(im);
	map_fini(&im->directory.looks);
	partners_fini(im);
	caps_fini(im);
	reports_fini(im);
	auth_fini(im);
	oauth_fini(&im->oauth);
	watches_fini(im);
	sessions_fini(im);
	archive_clean_fini(im);
	archive_query_fini(im);
	archive_fini(im);
	ask_fini(im);
	rooms_fini(im);
	bulk_fini(im);
	portable_fini(im);
	portable_out_fini(im);
	users_fini(im);
	names_clear(&im->full);
	remote_fini(im);
	journal_fini(im);
	ask_fini(im); /* what the last words asked for */
	adhoc_fini(im);
	announce_fini(im);
	map_fini(&im->resumable);
	domains_fini(im);
	extdisco_fini(&im->extdisco);
	xml_pool_free(im->parsers);
	arena_fini(&im->arena);
	buf_fini(&im->out);
	buf_fini(&im->out2);
}

void im_apply(struct im *im, const struct settings *s)
{
	uint32_t roster_max = im->config.roster_max;
	bool has_presence = settings_bool(s, SET_IM_PRESENCE), had_presence = im->config.has_presence;

	if (had_presence && !has_presence)
		presence_withdraw_all(im);
	im->config = (struct im_config){
		.has_messages = settings_bool(s, SET_IM_MESSAGES),
		.has_presence = has_presence,
		.has_offline = settings_bool(s, SET_IM_OFFLINE),
		.has_plain = settings_bool(s, SET_IM_PLAIN),
		.has_digest_md5 = settings_enum(s, SET_LINE_DIGEST) != LINE_DIGEST_SHA256,
		.offline_user = (uint32_t)settings_int(s, SET_IM_OFFLINE_USER),
		.offline_domain = (uint32_t)settings_int(s, SET_IM_OFFLINE_DOMAIN),
		.offline_total = (uint32_t)settings_int(s, SET_IM_OFFLINE_NODE),
		.resume_max_s = (uint32_t)settings_int(s, SET_IM_RESUME_MAX),
		.sessions_user = (uint32_t)settings_int(s, SET_IM_SESSIONS_USER),
		.roster_max = (uint32_t)settings_int(s, SET_IM_ROSTER_MAX),
		.watchers_max = (uint32_t)settings_int(s, SET_IM_WATCHERS_MAX),
		.approves_local = settings_bool(s, SET_IM_APPROVE_LOCAL),
		.unacked_max = (uint32_t)settings_int(s, SET_IM_UNACKED),
		.partner_silence_s = (uint32_t)settings_int(s, SET_IM_PARTNER_SILENCE),
		.tells_online = settings_is_set(s, SET_SIP_PRESENCE_GATEWAY, BYTES_NONE),
		.has_archive = settings_bool(s, SET_IM_ARCHIVE),
		.has_archive_search = settings_bool(s, SET_IM_ARCHIVE_SEARCH),
		.archive_life_ms = (uint64_t)settings_int(s, SET_IM_ARCHIVE_LIFE) * DAY_MS,
		.archive_user = (uint32_t)settings_int(s, SET_IM_ARCHIVE_USER),
		.archive_user_bytes = (uint64_t)settings_int(s, SET_IM_ARCHIVE_BYTES) << 20,
		.has_search = settings_bool(s, SET_IM_SEARCH),
		.search_results = (uint16_t)settings_int(s, SET_IM_SEARCH_RESULTS),
		.push_user = (uint32_t)settings_int(s, SET_IM_PUSH_USER),
		.fast_life_ms = (uint64_t)settings_int(s, SET_IM_FAST_LIFE) * DAY_MS,
		.pep_nodes = (uint32_t)settings_int(s, SET_IM_PEP_NODES),
		.pep_items = (uint32_t)settings_int(s, SET_IM_PEP_ITEMS),
		.pep_item_bytes = (uint32_t)settings_int(s, SET_IM_PEP_ITEM_BYTES),
		.has_watches = settings_bool(s, SET_IM_WATCHES),
		.watches_max = (uint32_t)settings_int(s, SET_IM_WATCHES_ALL),
		.watch_life_ms = (uint64_t)settings_int(s, SET_IM_WATCH_LIFE) * 1000,
		.scram_iterations = (uint32_t)settings_int(s, SET_IM_SCRAM_ITERATIONS),
	};
	oauth_apply(&im->oauth, s);
	domains_apply(im, s);
	sessions_check_domains(im);
	if (has_presence && !had_presence)
		presence_share_all(im);
	online_apply(im);
	roster_apply(im, roster_max);
	watches_apply(im);
	extdisco_apply(&im->extdisco, s);
	upload_apply(&im->upload, s);
	push_apply(im, s);
	directory_apply(im, s);
	archive_clean_apply(im);
	rooms_apply(im, s);
	adhoc_apply(im, s);
	compliance_apply(im, s); /* last: stanzas may be dealt with in it */
}

void im_up(struct im *im, struct chan *c)
{
	switch (chan_prog(c)) {
	case PROG_STORE:
		ask_up(im, c);
		break;
	case PROG_SWITCH:
		remote_up(im);
		break;
	case PROG_COMPLY:
		compliance_up(im);
		break;
	case PROG_XLATE:
		online_tell_all(im);
		break;
	default:
		break;
	}
}

void im_down(struct im *im, struct chan *c)
{
	if (chan_prog(c) == PROG_FILES)
		upload_down(im);
	if (chan_prog(c) == PROG_DIR) {
		directory_down(im);
		look_down(im);
	}
	if (chan_prog(c) == PROG_COMPLY)
		compliance_down(im);
	if (chan_prog(c) != PROG_ACCESS && chan_prog(c) != PROG_XLATE)
		return; /* what was asked or sent waits for the peer's return */
	auth_door_down(im, c); /* first: no session is resumed there now */
	sessions_door_down(im, c);
}
