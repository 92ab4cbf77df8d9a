/* check_impl.h - what the files of the rules share: check.h is for the others. */
#ifndef CONF_CHECK_IMPL_H
#define CONF_CHECK_IMPL_H

#include "check.h"

/* A finding about a setting; text: one sentence. */
void check_add(struct check *c, bool is_error, struct bytes path, const char *text);
bool check_is_set(const struct rows *r, enum setting id, struct bytes key);
/* Is there any row of it, whatever its name? */
bool check_has_rows(const struct rows *r, enum setting id);

/* ---- check_certificates.c ---- */
void check_certificates(const struct rows *r, int64_t wall_s, struct check *c);
void check_revocation(const struct rows *r, int64_t wall_s, struct check *c);
void check_domains(const struct rows *r, const struct check_against *against, struct check *c);
void check_web(const struct rows *r, const struct check_against *against, struct check *c);
void check_acme(const struct rows *r, struct check *c);
/* ---- check_listeners.c ---- */
void check_listeners(const struct rows *r, struct check *c);
void check_relay_ports(const struct rows *r, struct check *c);
void check_turn(const struct rows *r, const struct rows *running, struct check *c);
void check_planes(const struct rows *r, struct check *c);
/* ---- check_sip.c ---- */
void check_sip(const struct rows *r, struct check *c);
/* ---- check_network.c ---- */
void check_dns(const struct rows *r, struct check *c);
void check_network(const struct rows *r, bool is_appliance, struct check *c);
/* ---- check_publish.c ---- */
void check_publish(const struct rows *r, struct check *c);
/* ---- check_rooms.c ---- */
void check_rooms(const struct rows *r, struct check *c);

/* ---- check_authorise.c ---- */
void check_authorise(const struct rows *r, struct check *c);

/* ---- check_oauth.c ---- */
void check_oauth(const struct rows *r, struct check *c);
/* ---- check_clients.c ---- */
void check_clients(const struct rows *r, struct check *c);

/* ---- check_snmp.c ---- */
void check_snmp(const struct rows *r, struct check *c);

#endif
