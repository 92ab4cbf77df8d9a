/* Every operator command, one row. Relayed ones name the program that answers; its table of
 * proc_commands has the same verb. */
#include "conf.h"

#define RELAY(prog) P(prog), NULL
#define OWN(fn) 0, fn

const struct command command_table[] = {
	/* words, role, who answers, help */

	/* ---- settings ---- */
	{ "set <setting>...", OPER_ADMIN, OWN(cmd_set), "Change a setting in your candidate; a certificate may be the name of a file" },
	{ "delete <setting>...", OPER_ADMIN, OWN(cmd_delete), "Take a setting, or all below it, out of your candidate" },
	{ "describe <setting>...", OPER_AUDITOR, OWN(cmd_describe), "What a setting is: type, range, default, unit" },
	{ "show settings [setting]...", OPER_AUDITOR, OWN(cmd_show_settings), "Settings that run now" },
	{ "show candidate [setting]...", OPER_AUDITOR, OWN(cmd_show_candidate), "Settings as your candidate has them" },
	{ "diff", OPER_AUDITOR, OWN(cmd_diff), "What your candidate would change" },
	{ "check", OPER_AUDITOR, OWN(cmd_check), "Check the whole candidate without committing it" },
	{ "commit", OPER_ADMIN, OWN(cmd_commit), "Make the candidate run: all programs accept it, or nothing changes" },
	{ "commit confirm <minutes>", OPER_ADMIN, OWN(cmd_commit_confirm), "Commit, and go back by itself unless you confirm in time" },
	{ "confirm", OPER_ADMIN, OWN(cmd_confirm), "Keep what commit confirm made run" },
	{ "revert", OPER_ADMIN, OWN(cmd_revert), "Go back now instead of at the end of commit confirm's time" },
	{ "rollback <generation>", OPER_ADMIN, OWN(cmd_rollback), "Put the settings of an old generation into your candidate" },
	{ "discard", OPER_ADMIN, OWN(cmd_discard), "Forget your candidate" },
	{ "history", OPER_AUDITOR, OWN(cmd_history), "Generations: when, by whom" },
	{ "save", OPER_ADMIN, OWN(cmd_save), "All settings as plain text" },
	{ "load <file>", OPER_ADMIN, OWN(cmd_load), "Replace your candidate by a saved text" },
	{ "merge <file>", OPER_ADMIN, OWN(cmd_merge), "Add a saved text to your candidate" },

	/* ---- the box ---- */
	{ "show processes", OPER_AUDITOR, OWN(cmd_show_processes), "Programs: state, process number, restarts" },
	{ "show counters [program]", OPER_AUDITOR, OWN(cmd_show_counters), "What the programs count" },
	{ "show log [filter]...", OPER_AUDITOR, OWN(cmd_show_log), "Log lines of all programs: program=, level=, event=, domain=, trace=, text=, since=10m, until=, last=200, follow=60" },
	{ "show syslog", OPER_AUDITOR, RELAY(PROG_LOG), "Syslog servers: state, what was sent, what waits, what was lost" },
	{ "show alarms", OPER_AUDITOR, RELAY(PROG_LOG), "Alarms that stand: severity, since when, what to do" },
	{ "show alarms history [events]", OPER_AUDITOR, RELAY(PROG_LOG), "Alarms that were raised and cleared, the newest last" },
	{ "show version", OPER_AUDITOR, OWN(cmd_show_version), "Version, running generation, uptime" },
	{ "help", OPER_AUDITOR, OWN(cmd_help), "All commands" },

	/* ---- federation ---- */
	{ "show federation [domain]", OPER_AUDITOR, RELAY(PROG_S2S), "Partners: state, proof, TLS, queue, last error" },
	{ "federation check <domain> [own-domain]", OPER_OPERATOR, RELAY(PROG_S2S), "Walk to a partner step by step: policy, DNS, TCP, TLS, certificate, authentication" },
	{ "federation retry [domain]", OPER_OPERATOR, RELAY(PROG_S2S), "Forget pauses and remembered failures, try again now" },
	{ "federation close <domain>", OPER_OPERATOR, RELAY(PROG_S2S), "Close the streams with a partner in order" },
	{ "show gateway subscriptions", OPER_AUDITOR, RELAY(PROG_XLATE), "Presence subscriptions between SIP and XMPP: who watches whom, state, rest of the time" },
	{ "show routes", OPER_AUDITOR, RELAY(PROG_SWITCH), "Where envelopes go" },
	{ "show gateway", OPER_AUDITOR, RELAY(PROG_XLATE), "Translation between SIP and XMPP: what is under way, who writes to whom" },
	{ "trace domain <domain> [seconds]", OPER_OPERATOR, OWN(cmd_trace), "Envelopes from and to a domain as they pass, without their content" },

	/* ---- SIP federation ---- */
	{ "show sip [domain]", OPER_AUDITOR, RELAY(PROG_SIP), "The SIP door: peers, last trouble, next hops that are down, transactions" },
	{ "show sip routes", OPER_AUDITOR, RELAY(PROG_SIP), "Static routes, and why one is not used" },
	{ "sip check <domain>", OPER_OPERATOR, RELAY(PROG_SIP), "Walk to a SIP partner step by step: policy, route, DNS, TCP, TLS, certificate, OPTIONS" },
	{ "sip retry", OPER_OPERATOR, RELAY(PROG_SIP), "Forget next hops that are down and remembered DNS failures" },

	/* ---- relay ---- */
	{ "show turn", OPER_AUDITOR, RELAY(PROG_TURN), "The relay's workers: doors, allocations, ports" },
	{ "show turn allocations", OPER_AUDITOR, RELAY(PROG_TURN), "Allocations: client, user, relayed address, time left, traffic" },
	{ "turn user add <name> <password>", OPER_ADMIN, OWN(cmd_turn_user_add), "Put a user's keys for this realm into your candidate, made from the password; asks for it when it is left out" },
	{ "turn end <allocation>", OPER_OPERATOR, RELAY(PROG_TURN), "End one allocation, by its number in show turn allocations" },

	/* ---- clients and people ---- */
	{ "show connections [user]", OPER_AUDITOR, RELAY(PROG_ACCESS), "Client connections of each door" },
	{ "show sessions [user]", OPER_AUDITOR, RELAY(PROG_IM), "Logged-in clients" },
	{ "show line [user]", OPER_AUDITOR, RELAY(PROG_LINE), "Registered SIP clients: contact, way, expiry" },
	{ "show line-state", OPER_AUDITOR, RELAY(PROG_LINE), "What the door of SIP clients holds" },
	{ "session close <jid>", OPER_OPERATOR, RELAY(PROG_IM), "Close one client's session" },
	{ "show users [domain]", OPER_AUDITOR, RELAY(PROG_IM), "Accounts" },
	{ "user add <jid> <password>", OPER_ADMIN, RELAY(PROG_IM), "Make an account; asks for the password when it is left out" },
	{ "user passwd <jid> <password>", OPER_ADMIN, RELAY(PROG_IM), "Set an account's password; asks when it is left out" },
	{ "user import <jid> <verifier>...", OPER_ADMIN, RELAY(PROG_IM), "Make an account from SCRAM verifiers (RFC 5803) of another server" },
	{ "user delete <jid>", OPER_ADMIN, RELAY(PROG_IM), "Delete an account and what belongs to it" },

	/* ---- keys and certificates ---- */
	{ "show keys", OPER_AUDITOR, RELAY(PROG_KEYS), "Private keys: name, kind, and the pin (SHA-256 of the public key) for partners" },
	{ "certificate show [name]", OPER_AUDITOR, OWN(cmd_certificate_show), "Certificates: subject, issuer, names, end" },
	{ "certificate generate <name> <key-type>", OPER_ADMIN, OWN(cmd_certificate_generate), "Make a private key; it never leaves gh-keys" },
	{ "certificate csr <name> <domain>...", OPER_ADMIN, OWN(cmd_certificate_names), "A certificate request for an authority, with the key of that name" },
	{ "certificate self-signed <name> <domain>...", OPER_ADMIN, OWN(cmd_certificate_names), "A certificate for a start, into your candidate" },
	{ "certificate import <name> <file>", OPER_ADMIN, OWN(cmd_certificate_import), "Chain into your candidate, private key (if the file has one) into gh-keys" },
	{ "key delete <name>", OPER_ADMIN, OWN(cmd_key_delete), "Delete a private key that no hosted domain needs" },
};
const size_t command_count = sizeof command_table / sizeof command_table[0];
