conf_CHECK := firmware/conf/check.c firmware/conf/check_certificates.c firmware/conf/check_sip.c firmware/conf/check_listeners.c firmware/conf/check_network.c firmware/conf/check_snmp.c \
	firmware/conf/check_publish.c firmware/conf/publish_list.c firmware/conf/check_oauth.c firmware/conf/check_authorise.c firmware/conf/check_rooms.c firmware/conf/check_clients.c
PROGS += gh-conf
gh-conf_SRCS := firmware/conf/conf.c firmware/conf/txn.c firmware/conf/store.c firmware/conf/rows.c \
	firmware/conf/entry.c firmware/conf/conf_text.c firmware/conf/aside.c $(conf_CHECK) firmware/conf/cert.c firmware/conf/keyring.c \
	firmware/conf/expiry.c firmware/conf/listeners.c firmware/conf/audit.c firmware/conf/oper.c firmware/conf/handed.c firmware/conf/relay.c \
	firmware/conf/commands.c firmware/conf/command.c firmware/conf/complete.c firmware/conf/place.c \
	firmware/conf/cmd_settings.c firmware/conf/cmd_commit.c firmware/conf/cmd_show.c firmware/conf/cmd_clients.c firmware/conf/cmd_discovery.c firmware/conf/cmd_metrics.c firmware/conf/cmd_log_debug.c firmware/conf/cmd_support.c firmware/conf/support_archive.c \
	firmware/conf/cmd_publish.c firmware/conf/publish_json.c firmware/conf/cmd_certificate.c firmware/conf/acme.c firmware/conf/linked.c firmware/conf/cmd_turn.c firmware/conf/cmd_capture.c firmware/conf/cmd_compliance.c firmware/conf/cmd_contacts.c firmware/conf/contacts_export.c firmware/conf/cmd_people.c firmware/conf/people_export.c firmware/conf/cmd_box.c firmware/conf/cmd_upgrade.c \
	firmware/conf/transfer.c firmware/conf/backup_part.c firmware/conf/backup_save.c firmware/conf/backup_restore.c \
	firmware/conf/backup_decide.c firmware/conf/firewall.c firmware/conf/planes.c firmware/conf/offers.c firmware/conf/resolver.c \
	firmware/conf/scrypt.c firmware/conf/hasher.c firmware/conf/account.c firmware/conf/kept.c firmware/conf/summed.c firmware/conf/accounts.c firmware/conf/factory.c firmware/conf/recovery.c \
	firmware/conf/throttle.c firmware/conf/lockout.c firmware/conf/lockout_file.c firmware/conf/totp.c firmware/conf/quality.c firmware/conf/rights.c firmware/conf/login.c \
	firmware/conf/token.c firmware/conf/token_file.c firmware/conf/token_login.c firmware/conf/cmd_token.c firmware/conf/role.c firmware/conf/clock_watch.c \
	firmware/conf/cmd_operator.c firmware/conf/cmd_operator_show.c firmware/conf/cmd_totp.c firmware/conf/cmd_audit.c firmware/conf/trail.c firmware/conf/audited.c firmware/conf/approval.c \
	firmware/conf/classic.c firmware/conf/classic_change.c firmware/conf/classic_service.c firmware/conf/classic_network.c firmware/conf/classic_certs.c firmware/conf/classic_words.c
gh-conf_LIBS := net run proto base
gh-conf_LD := -larchive -ljansson -levent_core -lseccomp -lexpat -lidn2 -licuuc -lssl -lcrypto

UNIT += firmware/conf/conf_text_test firmware/conf/txn_test firmware/conf/check_test
conf_text_test_SRCS := firmware/conf/conf_text.c firmware/conf/aside.c firmware/conf/rows.c firmware/conf/entry.c
conf_text_test_LIBS := run proto base
conf_text_test_LD := -lexpat -lidn2 -licuuc -lcrypto
txn_test_SRCS := firmware/conf/txn.c firmware/conf/store.c firmware/conf/rows.c firmware/conf/entry.c \
	firmware/conf/conf_text.c firmware/conf/aside.c firmware/conf/listeners.c
txn_test_LIBS := run proto base
txn_test_LD := -levent_core -lexpat -lidn2 -licuuc -lcrypto
UNIT += firmware/conf/versions_test
versions_test_SRCS := firmware/conf/store.c firmware/conf/rows.c firmware/conf/entry.c firmware/conf/conf_text.c firmware/conf/aside.c
versions_test_LIBS := run proto base
versions_test_LD := -lexpat -lidn2 -licuuc -lcrypto
check_test_SRCS := $(conf_CHECK) firmware/conf/planes.c firmware/conf/cert.c firmware/conf/keyring.c firmware/conf/listeners.c \
	firmware/conf/rows.c firmware/conf/entry.c firmware/conf/conf_text.c firmware/conf/aside.c
check_test_LIBS := net run proto base
check_test_LD := -levent_core -lexpat -lidn2 -licuuc -lssl -lcrypto

UNIT += firmware/conf/operators_test
operators_test_SRCS := firmware/conf/account.c firmware/conf/kept.c firmware/conf/summed.c firmware/conf/accounts.c firmware/conf/scrypt.c firmware/conf/throttle.c firmware/conf/lockout_file.c \
	firmware/conf/totp.c firmware/conf/quality.c firmware/conf/rights.c
operators_test_LIBS := run base
operators_test_LD := -lcrypto

UNIT += firmware/conf/trail_test
trail_test_SRCS := firmware/conf/trail.c
trail_test_LIBS := run base
trail_test_LD := -levent_core -lcrypto

# all of gh-conf but its main
conf_ENGINE := $(filter-out firmware/conf/conf.c,$(gh-conf_SRCS)) firmware/conf/oper_fixture.c
UNIT += firmware/conf/oper_test
oper_test_SRCS := $(conf_ENGINE)
oper_test_LIBS := $(gh-conf_LIBS)
oper_test_LD := $(gh-conf_LD)

UNIT += firmware/conf/firewall_test
firewall_test_SRCS := firmware/conf/firewall.c firmware/conf/planes.c firmware/conf/listeners.c firmware/conf/rows.c firmware/conf/entry.c \
	firmware/conf/conf_text.c firmware/conf/aside.c
firewall_test_LIBS := run proto base
firewall_test_LD := -lexpat -lidn2 -licuuc -lcrypto

UNIT += firmware/conf/offers_test
offers_test_SRCS := firmware/conf/offers.c firmware/conf/resolver.c firmware/conf/rows.c firmware/conf/entry.c firmware/conf/conf_text.c firmware/conf/aside.c
offers_test_LIBS := run proto base
offers_test_LD := -lexpat -lidn2 -licuuc -lcrypto

UNIT += firmware/conf/expiry_test
expiry_test_SRCS := firmware/conf/expiry.c firmware/conf/cert.c firmware/conf/rows.c firmware/conf/entry.c firmware/conf/conf_text.c firmware/conf/aside.c
expiry_test_LIBS := net run proto base
expiry_test_LD := -levent_core -lexpat -lidn2 -licuuc -lssl -lcrypto

UNIT += firmware/conf/classic_test
classic_test_SRCS := $(filter-out firmware/conf/oper_fixture.c,$(conf_ENGINE))
classic_test_LIBS := $(gh-conf_LIBS)
classic_test_LD := $(gh-conf_LD)

UNIT += firmware/conf/token_test
token_test_SRCS := firmware/conf/token.c firmware/conf/token_file.c firmware/conf/account.c firmware/conf/kept.c firmware/conf/summed.c firmware/conf/scrypt.c
token_test_LIBS := net run base
token_test_LD := -lssl -lcrypto
