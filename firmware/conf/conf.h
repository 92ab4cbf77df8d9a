/* conf.h - gh-conf: settings, transactions, operators. The program's one struct. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "acme.h"
#include "linked.h"
#include "backup.h"
#include "contacts.h"
#include "people.h"
#include "accounts.h"
#include "token.h"
#include "token_login.h"
#include "approval.h"
#include "audit.h"
#include "base/log.h"
#include "expiry.h"
#include "clock_watch.h"
#include "factory.h"
#include "hasher.h"
#include "offers.h"
#include "oper.h"
#include "relay.h"
#include "run/proc.h"
#include "run/zone.h"
#include "transfer.h"
#include "lockout.h"
#include "throttle.h"
#include "trail.h"
#include "txn.h"

enum { CONF_PROCESSES_MAX = PROG_COUNT * TXN_INSTANCES_MAX };

/* What gh-super says of a process. */
struct conf_process {
	enum prog prog;
	unsigned instance;
	uint32_t pid, restarts;
	char state[24];
};

struct support;
struct conf {
	struct proc *proc;
	struct loop *loop;
	struct bus *bus;
	struct store store;
	struct txn txn;
	struct offers offers;
	struct relays relays;
	struct expiry expiry;
	struct clock_watch clock;
	struct transfer transfer;
	struct conf_acme acme;
	struct conf_linked linked;
	struct support *support; /* a bundle being made; else NULL */
	struct backup backup;
	struct restore restore;
	struct contacts contacts;
	struct people people;
	size_t upgrade_word; /* of the file that is being installed */
	struct zones *zones;
	struct accounts accounts;
	struct tokens tokens;
	struct throttle token_throttle; /* of wrong tokens: apart, so that a program that is wrong keeps no person waiting */
	struct trail trail;
	uint32_t audited_next; /* this generation has all its audit lines when they are on the disk; 0: nothing waits */
	struct log_limit refused; /* logins, in the trail */
	struct approvals approvals;
	struct throttle throttle;
	struct lockout lockout;
	struct hasher hasher;
	int helper_fd;        /* until the hasher has it */
	struct scrypt nobody; /* compared with for names that are not there */
	struct list opers;
	size_t n_opers;
	uint64_t next_oper_id, commit_oper; /* 0: nobody waits for the commit under way */
	bool is_revert;                     /* it is none of the candidate of who waits */
	struct loop_watch socket;           /* ghsh.sock */
	uid_t owner;                        /* who may come besides root: who started gh-super */
	struct conf_process processes[CONF_PROCESSES_MAX];
	size_t n_processes;
	uint32_t listeners_id; /* LISTENERS_SET under way */
	uint64_t started_ms;
};

/* handed.c: MSG_OPERATOR; may it have this command, by the program that it came through; the end of that program. */
bool handed_may_ask(const struct oper *o, const struct command *cmd);
int handed_operator(void *arg, struct chan *from, const struct frame *f);
void handed_down(struct conf *c, enum prog through);

/* Handlers of commands.c's rows, by file. */
#define COMMAND_FN(name)                                                                           \
	void name(struct conf *c, struct oper *o, const struct command *cmd, const struct command_args *args)
/* cmd_settings.c */
COMMAND_FN(cmd_set);
COMMAND_FN(cmd_delete);
COMMAND_FN(cmd_show_settings);
COMMAND_FN(cmd_show_candidate);
COMMAND_FN(cmd_describe);
COMMAND_FN(cmd_diff);
COMMAND_FN(cmd_discard);
COMMAND_FN(cmd_save);
COMMAND_FN(cmd_load);
COMMAND_FN(cmd_merge);
/* cmd_commit.c */
COMMAND_FN(cmd_check);
COMMAND_FN(cmd_commit);
COMMAND_FN(cmd_commit_confirm);
COMMAND_FN(cmd_confirm);
COMMAND_FN(cmd_revert);
COMMAND_FN(cmd_rollback);
COMMAND_FN(cmd_history);
/* Commits the candidate and answers, as commit does. */
void commit_run(struct conf *c, struct oper *o);
/* Fills o->keys, if gh-keys answers; then goes on. */
void commit_ask_keys(struct conf *c, struct oper *o,
                     void (*then)(struct conf *c, struct oper *o, const char *name, int rc, const char *text));
/* The answer to a commit of an operator. */
void commit_answer(struct conf *c, const struct txn_result *r);
/* cmd_show.c */
COMMAND_FN(cmd_show_processes);
COMMAND_FN(cmd_show_counters);
COMMAND_FN(cmd_show_listeners);
COMMAND_FN(cmd_show_version);
COMMAND_FN(cmd_show_firewall);
COMMAND_FN(cmd_dns_flush);
COMMAND_FN(cmd_client_kick);
COMMAND_FN(cmd_client_unban);
COMMAND_FN(cmd_discovery_check);
COMMAND_FN(cmd_show_log);
/* cmd_metrics.c */
COMMAND_FN(cmd_show_metrics);
/* What was gathered for an operator who goes. */
void metrics_forget(struct oper *o);
COMMAND_FN(cmd_help);
/* cmd_certificate.c */
COMMAND_FN(cmd_certificate_names);
COMMAND_FN(cmd_certificate_generate);
COMMAND_FN(cmd_key_delete);
COMMAND_FN(cmd_certificate_import);
COMMAND_FN(cmd_certificate_inspect);
COMMAND_FN(cmd_pki_list);
COMMAND_FN(cmd_pki_remove);
COMMAND_FN(cmd_certificate_match);
COMMAND_FN(cmd_certificate_verify);
COMMAND_FN(cmd_certificate_show);
COMMAND_FN(cmd_trace);
/* backup_save.c, backup_restore.c */
COMMAND_FN(cmd_backup_save);
/* All of this box, sealed with the password. file: its name for the person; NULL: one made of name and time. */
void backup_save(struct conf *c, struct oper *o, struct bytes password, const char *file);
COMMAND_FN(cmd_backup_settings);
COMMAND_FN(cmd_backup_show);
COMMAND_FN(cmd_backup_restore);
/* cmd_upgrade.c */
COMMAND_FN(cmd_contacts_export);
COMMAND_FN(cmd_contacts_import);
COMMAND_FN(cmd_contacts_rename);
COMMAND_FN(cmd_users_import);
COMMAND_FN(cmd_users_export);
COMMAND_FN(cmd_upgrade_install);
COMMAND_FN(cmd_upgrade_retry);
COMMAND_FN(cmd_upgrade_downgrade);
/* cmd_box.c */
COMMAND_FN(cmd_factory_reset);
COMMAND_FN(cmd_shutdown);
COMMAND_FN(cmd_reboot);
/* In our folder: the settings are to be wiped at the next start. */
#define CONF_RESET_FILE "reset"
/* All programs stop in order, then that (run/box.h). ERR_CLOSED: gh-super cannot be reached. */
int conf_end_box(struct conf *c, unsigned what);
/* Does gh-super run with --appliance? Then it has told us of gh-priv. */
bool conf_is_appliance(const struct conf *c);
/* Does the program run in a box of the role that is set (system role)? */
bool conf_runs(const struct conf *c, enum prog p);
/* cmd_operator.c */
COMMAND_FN(cmd_operator_add);
COMMAND_FN(cmd_operator_delete);
COMMAND_FN(cmd_operator_role);
COMMAND_FN(cmd_operator_expiry);
COMMAND_FN(cmd_operator_expire);
COMMAND_FN(cmd_operator_unlock);
COMMAND_FN(cmd_operator_reset);
COMMAND_FN(cmd_operator_key_add);
COMMAND_FN(cmd_operator_key_delete);
COMMAND_FN(cmd_passwd);
/* cmd_token.c */
COMMAND_FN(cmd_show_tokens);
COMMAND_FN(cmd_token_add);
COMMAND_FN(cmd_token_revoke);
/* cmd_operator_show.c */
COMMAND_FN(cmd_show_operators);
COMMAND_FN(cmd_show_operator_sessions);
COMMAND_FN(cmd_operator_evict);
/* approval.c */
COMMAND_FN(cmd_approve);
COMMAND_FN(cmd_disapprove);
COMMAND_FN(cmd_show_approvals);
/* cmd_audit.c */
COMMAND_FN(cmd_show_audit);
COMMAND_FN(cmd_audit_verify);
/* cmd_totp.c */
COMMAND_FN(cmd_totp_enable);
COMMAND_FN(cmd_totp_confirm);
COMMAND_FN(cmd_totp_disable);
/* cmd_publish.c */
COMMAND_FN(cmd_publish_import);
COMMAND_FN(cmd_publish_export);
COMMAND_FN(cmd_publish_check);
COMMAND_FN(cmd_publish_test);
/* cmd_compliance.c */
COMMAND_FN(cmd_compliance_verify);
COMMAND_FN(cmd_compliance_export);
/* cmd_capture.c */
COMMAND_FN(cmd_capture_start);
COMMAND_FN(cmd_capture_get);
COMMAND_FN(cmd_capture_federation);
int capture_on_opened(void *conf, struct chan *from, const struct frame *f);
/* cmd_log_debug.c */
COMMAND_FN(cmd_log_debug_domain);
COMMAND_FN(cmd_log_debug_user);
COMMAND_FN(cmd_log_debug_all);
/* cmd_support.c */
COMMAND_FN(cmd_support_bundle);
/* cmd_turn.c */
COMMAND_FN(cmd_turn_user_add);
/* The user's keys for the candidate's realm, into the candidate. 0, or an error with *why. */
int turn_user_put(struct oper *o, struct bytes name, struct bytes password, const char **why);
/* classic.c */
COMMAND_FN(cmd_classic);
COMMAND_FN(cmd_classic_refused);
/* classic_service.c */
COMMAND_FN(cmd_classic_listen);
COMMAND_FN(cmd_classic_enable);
COMMAND_FN(cmd_classic_disable);
COMMAND_FN(cmd_classic_restart);
COMMAND_FN(cmd_classic_redirect);
COMMAND_FN(cmd_classic_turn_tls);
/* classic_network.c */
COMMAND_FN(cmd_classic_interface);
COMMAND_FN(cmd_classic_address_add);
COMMAND_FN(cmd_classic_address_del);
COMMAND_FN(cmd_classic_address_enable);
/* classic_words.c */
COMMAND_FN(cmd_classic_license);
COMMAND_FN(cmd_classic_snapshot);
COMMAND_FN(cmd_classic_zones);
COMMAND_FN(cmd_classic_syslog_add);
COMMAND_FN(cmd_classic_syslog_del);
COMMAND_FN(cmd_classic_turn_credentials);
/* classic_certs.c */
COMMAND_FN(cmd_classic_certs);

#endif
