/* Every operator command, one row. Relayed ones name the program that answers; its table of
 * proc_commands has the same verb. */
#include "conf.h"

#define RELAY(prog) P(prog), NULL
#define OWN(fn) 0, fn

const struct command command_table[] = {
	/* words, role, who answers, help */

	/* ---- settings ---- */
	{ "set <setting>...", OPER_CHANGER, OWN(cmd_set), "Change a setting in your candidate; a certificate may be the name of a file" },
	{ "delete <setting>...", OPER_CHANGER, OWN(cmd_delete), "Take a setting, or all below it, out of your candidate" },
	{ "describe <setting>...", OPER_AUDITOR, OWN(cmd_describe), "What a setting is: type, range, default, unit" },
	{ "show settings [setting]...", OPER_AUDITOR, OWN(cmd_show_settings), "Settings that run now" },
	{ "show candidate [setting]...", OPER_AUDITOR, OWN(cmd_show_candidate), "Settings as your candidate has them" },
	{ "diff", OPER_AUDITOR, OWN(cmd_diff), "What your candidate would change" },
	{ "check", OPER_AUDITOR, OWN(cmd_check), "Check the whole candidate without committing it" },
	{ "commit", OPER_CHANGER, OWN(cmd_commit), "Make the candidate run: all programs accept it, or nothing changes" },
	{ "commit confirm <minutes>", OPER_CHANGER, OWN(cmd_commit_confirm), "Commit, and go back by itself unless you confirm in time" },
	{ "confirm", OPER_CHANGER, OWN(cmd_confirm), "Keep what commit confirm made run" },
	{ "revert", OPER_CHANGER, OWN(cmd_revert), "Go back now instead of at the end of commit confirm's time" },
	{ "rollback <generation>", OPER_ADMIN, OWN(cmd_rollback), "Put the settings of an old generation into your candidate" },
	{ "discard", OPER_CHANGER, OWN(cmd_discard), "Forget your candidate" },
	{ "history", OPER_AUDITOR, OWN(cmd_history), "Generations: when, by whom" },
	{ "save", OPER_ADMIN, OWN(cmd_save), "All settings as plain text" },
	{ "load <file>", OPER_ADMIN, OWN(cmd_load), "Replace your candidate by a saved text" },
	{ "merge <file>", OPER_ADMIN, OWN(cmd_merge), "Add a saved text to your candidate" },

	/* ---- the box ---- */
	{ "show processes", OPER_AUDITOR, OWN(cmd_show_processes), "Programs: state, process number, restarts" },
	{ "show counters [program]", OPER_AUDITOR, OWN(cmd_show_counters), "What the programs count" },
	{ "show log [filter]...", OPER_AUDITOR, OWN(cmd_show_log), "Log lines of all programs: program=, level=, event=, domain=, trace=, text=, since=10m, until=, last=200, follow=60" },
	{ "log debug domain <domain> [seconds]", OPER_OPERATOR, OWN(cmd_log_debug_domain), "Debug lines in which a domain stands, of all programs, for 300 seconds or up to 3600; it ends by itself" },
	{ "log debug user <jid> [seconds]", OPER_OPERATOR, OWN(cmd_log_debug_user), "The same for a person's address" },
	{ "log debug off", OPER_OPERATOR, OWN(cmd_log_debug_all), "End every log debug now; the setting of that name stays" },
	{ "show log debug", OPER_AUDITOR, OWN(cmd_log_debug_all), "What log debug watches, and for how long still" },
	{ "show metrics [format]", OPER_AUDITOR, OWN(cmd_show_metrics), "All counters for a collector: prometheus (text format 0.0.4) or openmetrics" },
	{ "show syslog", OPER_AUDITOR, RELAY(PROG_LOG), "Syslog servers: state, what was sent, what waits, what was lost" },
	{ "show alarms", OPER_AUDITOR, RELAY(PROG_LOG), "Alarms that stand: severity, since when, what to do" },
	{ "show alarms history [events]", OPER_AUDITOR, RELAY(PROG_LOG), "Alarms that were raised and cleared, the newest last" },
	{ "show listeners", OPER_AUDITOR, OWN(cmd_show_listeners), "Ports that the running settings open: program, transport, address, port" },
	{ "show version", OPER_AUDITOR, OWN(cmd_show_version), "Version, running generation, uptime" },
	{ "support bundle", OPER_OPERATOR, OWN(cmd_support_bundle), "A file for whoever helps you: settings without secrets, log, counters, alarms, programs, states (tar.gz)" },
	{ "show revocation", OPER_AUDITOR, RELAY(PROG_PKI), "Revocation lists that are fetched: whose, in force until when, what fails" },
	{ "show stapling", OPER_AUDITOR, RELAY(PROG_PKI), "Certificates of this box: what their authorities say of them (OCSP), and whether it is shown" },
	{ "revocation fetch", OPER_OPERATOR, RELAY(PROG_PKI), "Fetch revocation lists and OCSP responses now" },
	{ "show identity", OPER_AUDITOR, RELAY(PROG_KEYS), "Who this box is: its host id, made at the first start, and whether it is on another machine since" },
	{ "identity accept", OPER_ADMIN, RELAY(PROG_KEYS), "The machine was changed on purpose: this one is the box's from now on" },
	{ "backup save <password>", OPER_ADMIN, OWN(cmd_backup_save), "All of this box into a file that only the password opens: settings, keys, people's data" },
	{ "backup settings <password>", OPER_ADMIN, OWN(cmd_backup_settings), "The same without people's data" },
	{ "backup show <backup-file>", OPER_ADMIN, OWN(cmd_backup_show), "Which box a backup is of, when it was made, what is in it" },
	{ "backup restore <backup-file> <backup-password>", OPER_ADMIN, OWN(cmd_backup_restore), "Make this box what the backup has, except for its host id: all of it, or nothing changes" },
	{ "factory-reset <scope> [name-of-this-box]", OPER_ADMIN, OWN(cmd_factory_reset), "scope settings: wipe the settings and their history; scope all: wipe everything and take a new host id" },
	{ "upgrade status", OPER_AUDITOR, RELAY(PROG_UPDATE), "Both slots: version, state, which runs, which boots next" },
	{ "upgrade install <upgrade-file>", OPER_ADMIN, OWN(cmd_upgrade_install), "Verify a signed upgrade file while it comes and write it into the other slot; reboot starts it" },
	{ "upgrade retry <upgrade-file>", OPER_ADMIN, OWN(cmd_upgrade_retry), "The same with a version that did not become healthy on this box before" },
	{ "upgrade downgrade <upgrade-file>", OPER_ADMIN, OWN(cmd_upgrade_downgrade), "The same with a version older than what runs, but not below the security floor" },
	{ "upgrade confirm", OPER_ADMIN, RELAY(PROG_UPDATE), "What runs is healthy: keep it" },
	{ "upgrade rollback", OPER_ADMIN, RELAY(PROG_UPDATE), "The other slot starts at the next reboot" },
	{ "shutdown", OPER_ADMIN, OWN(cmd_shutdown), "Stop all programs in order and switch the machine off" },
	{ "reboot", OPER_ADMIN, OWN(cmd_reboot), "Stop all programs in order and start the machine again" },
	{ "show interfaces", OPER_AUDITOR, RELAY(PROG_PRIV), "Interfaces of the appliance: device, link, speed, addresses, errors" },
	{ "show time", OPER_AUDITOR, RELAY(PROG_TIME), "The clock: UTC and local time, whether it is synchronised, with what, how far off" },
	{ "show time sources", OPER_AUDITOR, RELAY(PROG_TIME), "Each time server: followed or not, how it is proved, when it was heard last, its offset" },
	{ "time set <when>", OPER_ADMIN, RELAY(PROG_TIME), "Set the clock, where no time server is set: 2026-11-26T17:00:00Z, or without the Z in the zone of this box" },
	{ "show firewall", OPER_AUDITOR, OWN(cmd_show_firewall), "The packet filter that the running settings need, as text for nft" },
	{ "help", OPER_AUDITOR, OWN(cmd_help), "All commands" },

	/* ---- operators ---- */
	{ "show operators", OPER_AUDITOR, OWN(cmd_show_operators), "Operators' accounts: role, state, last login" },
	{ "show operator <name>", OPER_AUDITOR, OWN(cmd_show_operators), "One operator's account, with its SSH keys" },
	{ "show operator-sessions", OPER_AUDITOR, OWN(cmd_show_operator_sessions), "Who is connected here now: console, SSH, web" },
	{ "operator add <name> <role> <password>", OPER_ADMIN, OWN(cmd_operator_add), "Make an account; asks for the password when it is left out; the first login changes it" },
	{ "operator delete <name>", OPER_ADMIN, OWN(cmd_operator_delete), "Delete an account and end its sessions; never the last admin" },
	{ "operator role <name> <role>", OPER_ADMIN, OWN(cmd_operator_role), "Give an account another role; its sessions end" },
	{ "operator expiry <name> <days>", OPER_ADMIN, OWN(cmd_operator_expiry), "Age at which this account's password has to be changed: days, never, or default" },
	{ "operator expire <name>", OPER_ADMIN, OWN(cmd_operator_expire), "The account's next login has to choose another password; its sessions go on" },
	{ "operator unlock <name>", OPER_ADMIN, OWN(cmd_operator_unlock), "Forget an account's failed logins and the waits after them" },
	{ "operator reset <name>", OPER_ADMIN, OWN(cmd_operator_reset), "A new password for one login, made by the box and shown once" },
	{ "operator evict <session>", OPER_ADMIN, OWN(cmd_operator_evict), "End a session by its number, or all of an account by its name" },
	{ "operator totp enable", OPER_AUDITOR, OWN(cmd_totp_enable), "A secret for your authenticator: one-time codes of your account" },
	{ "operator totp confirm <code>", OPER_AUDITOR, OWN(cmd_totp_confirm), "Codes are asked for from now on" },
	{ "operator totp disable [name]", OPER_AUDITOR, OWN(cmd_totp_disable), "No codes any more: for yourself, or as admin for somebody who lost his authenticator" },
	{ "operator key add <name> <file>", OPER_ADMIN, OWN(cmd_operator_key_add), "Add an OpenSSH public key to an account" },
	{ "operator key delete <name> <number>", OPER_ADMIN, OWN(cmd_operator_key_delete), "Take the key of that number in show operator away" },
	{ "show audit [number]", OPER_AUDITOR, OWN(cmd_show_audit), "The last lines of the audit trail: who, from where, did what" },
	{ "audit verify", OPER_AUDITOR, OWN(cmd_audit_verify), "Is the chain of the audit trail whole? Compare its end with n and chain in the log" },
	{ "show approvals", OPER_AUDITOR, OWN(cmd_show_approvals), "Commands that wait for a second person" },
	{ "approve <request>", OPER_ADMIN, OWN(cmd_approve), "Run what another admin asked for (operators two-person)" },
	{ "disapprove <request>", OPER_ADMIN, OWN(cmd_disapprove), "Forget what an admin asked for" },
	{ "passwd <old-password> <password>", OPER_AUDITOR, OWN(cmd_passwd), "Change your own password; asks for both" },

	/* ---- federation ---- */
	{ "show federation [domain]", OPER_AUDITOR, RELAY(PROG_S2S), "Partners: state, proof, TLS, queue, last error" },
	{ "federation check <domain> [own-domain]", OPER_OPERATOR, RELAY(PROG_S2S), "Walk to a partner step by step: policy, DNS, TCP, TLS, certificate, authentication" },
	{ "federation retry [domain]", OPER_OPERATOR, RELAY(PROG_S2S), "Forget pauses and remembered failures, try again now" },
	{ "federation close <domain>", OPER_OPERATOR, RELAY(PROG_S2S), "Close the streams with a partner in order" },
	{ "show gateway subscriptions", OPER_AUDITOR, RELAY(PROG_XLATE), "Presence subscriptions between SIP and XMPP: who watches whom, state, rest of the time" },
	{ "show routes", OPER_AUDITOR, RELAY(PROG_SWITCH), "Where envelopes go" },
	{ "show gateway", OPER_AUDITOR, RELAY(PROG_XLATE), "Translation between SIP and XMPP: what is under way, who writes to whom" },
	{ "trace domain <domain> [seconds]", OPER_OPERATOR, OWN(cmd_trace), "Envelopes from and to a domain as they pass, without their content" },

	{ "dns lookup <dns-type> <name>", OPER_OPERATOR, RELAY(PROG_S2S), "What this box resolves a name to, whom it asks, and whether the answer is validated: a, aaaa, srv, naptr, tlsa" },
	{ "dns flush [domain]", OPER_OPERATOR, OWN(cmd_dns_flush), "Forget what name servers have said, of a domain and all below it or of all" },

	/* ---- packet capture ---- */
	{ "pcap <interface> [filter]...", OPER_ADMIN, OWN(cmd_capture_start), "Capture packets of an interface until its limits are reached or you press Ctrl-C; before the filter: seconds= packets= megabytes= files= snap=" },
	{ "capture start <interface> [filter]...", OPER_ADMIN, OWN(cmd_capture_start), "The same in the background" },
	{ "capture federation <domain> [seconds] [hashed]", OPER_OPERATOR, OWN(cmd_capture_federation), "Stanzas and SIP messages of a partner as they pass, decrypted, with what people wrote masked; hashed: addresses too" },
	{ "capture stop [capture]", OPER_OPERATOR, RELAY(PROG_CAPTURE), "End a capture, by its number in capture status; without one: all" },
	{ "capture status", OPER_AUDITOR, RELAY(PROG_CAPTURE), "Captures that run, and how the last ones ended" },
	{ "capture list", OPER_AUDITOR, RELAY(PROG_CAPTURE), "Files of captures" },
	{ "capture get <name>", OPER_ADMIN, OWN(cmd_capture_get), "Fetch a file of a capture (pcapng)" },
	{ "capture delete <name>", OPER_ADMIN, RELAY(PROG_CAPTURE), "Delete a file of a capture; all: every one that is complete" },

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
	{ "certificate generate <name> <key-type>", OPER_CRYPTO, OWN(cmd_certificate_generate), "Make a private key; it never leaves gh-keys" },
	{ "certificate csr <name> <domain-or-attribute>...", OPER_CRYPTO, OWN(cmd_certificate_names), "A certificate request for an authority, with the key of that name; attributes like \"O:My Company\": CN OU O L ST C emailAddress subjectAltName keyType" },
	{ "certificate self-signed <name> <domain-or-attribute>...", OPER_CRYPTO, OWN(cmd_certificate_names), "A certificate for a start, into your candidate" },
	{ "certificate import <name> <file>...", OPER_CRYPTO, OWN(cmd_certificate_import), "Certificate, chain and private key from PEM, DER, PKCS#7 or PKCS#12 files, in any order: chain into your candidate, key into gh-keys" },
	{ "certificate inspect <file>...", OPER_AUDITOR, OWN(cmd_certificate_inspect), "What is in files of certificates and keys; nothing is kept" },
	{ "certificate match <name> <file>...", OPER_AUDITOR, OWN(cmd_certificate_match), "Does the certificate in the files belong to the private key of that name (or in the files)?" },
	{ "certificate verify <file>...", OPER_AUDITOR, OWN(cmd_certificate_verify), "Does the chain in the files hold, up to a trust anchor?" },
	{ "show acme [certificate]", OPER_AUDITOR, RELAY(PROG_PKI), "Certificates by ACME: state, next attempt, what went wrong; the account, and the terms of its authority" },
	{ "acme renew <certificate>", OPER_CRYPTO, RELAY(PROG_PKI), "Order a certificate by ACME now: the one that runs stays until the new one is there" },
	{ "pki csr <name> <domain-or-attribute>...", OPER_CRYPTO, OWN(cmd_certificate_names), "As certificate csr, with a new key where there is none, and the request as a file, too" },
	{ "pki selfsigned <name> [domain-or-attribute]...", OPER_CRYPTO, OWN(cmd_certificate_names), "As certificate self-signed, with a new key where there is none" },
	{ "pki list", OPER_AUDITOR, OWN(cmd_pki_list), "Certificates and private keys" },
	{ "pki inspect <file>...", OPER_AUDITOR, OWN(cmd_certificate_inspect), "As certificate inspect" },
	{ "pki match <file>...", OPER_AUDITOR, OWN(cmd_certificate_match), "Do key and certificate in the files belong together?" },
	{ "pki verify <file>...", OPER_AUDITOR, OWN(cmd_certificate_verify), "As certificate verify" },
	{ "pki remove <name>", OPER_CRYPTO, OWN(cmd_pki_remove), "Delete a private key, and take the chain of its name out of your candidate; never of what runs" },
	{ "key delete <name>", OPER_CRYPTO, OWN(cmd_key_delete), "Delete a private key that no hosted domain needs" },

/* The classic appliance's words, and what is said to those that are refused. */
#define CLASSIC(words, role, native, spec, help) { words, OPER_##role, OWN(cmd_classic), help },
#define CLASSIC_FN(words, role, fn, native, spec, help) { words, OPER_##role, OWN(fn), help },
#define CLASSIC_SAME(words, spec, help)
#define CLASSIC_NOT(words, spec, why) { words, OPER_AUDITOR, OWN(cmd_classic_refused), why },
#include "classic.def"
};
const size_t command_count = sizeof command_table / sizeof command_table[0];

/* Commands that wait for a second person; step 1: `operators two-person factory-reset`, 2: `accounts` too. */
const struct command_two_person command_two_person_table[] = {
	{ .words = "factory-reset", .step = 1 },
	{ .words = "operator add ", .step = 2 },
	{ .words = "operator delete ", .step = 2 },
	{ .words = "operator role ", .step = 2 },
	{ .words = "operator reset ", .step = 2 },
	{ .words = "operator key add ", .step = 2 },
};
const size_t command_two_person_count = sizeof command_two_person_table / sizeof command_two_person_table[0];
