# A target NAME is tests/fuzz/NAME.c with seeds in tests/fuzz/corpus/NAME; add it to this list and
# name its layers (NAME_LIBS), flags (NAME_LD) and, from product folders, sources (NAME_SRCS).
PROTO_FUZZ := xml_fuzz xml_parse_fuzz xml_document_fuzz stanza_fuzz jid_fuzz envelope_fuzz scram_fuzz hashed_token_fuzz oauthbearer_fuzz dialback_fuzz msrp_fuzz mask_fuzz
FUZZ += $(PROTO_FUZZ)
$(foreach t,$(PROTO_FUZZ),$(eval $(t)_LIBS := proto base)$(eval $(t)_LD := $(proto_LD)))

FUZZ += sdp_fuzz
sdp_fuzz_LIBS := sip base
sdp_fuzz_LD := $(SIP_LD)

FUZZ += certname_fuzz
certname_fuzz_LIBS := net base
certname_fuzz_LD := -lcrypto

FUZZ += dns_fuzz
dns_fuzz_LIBS := net run base
dns_fuzz_LD := -lcares -lresolv -levent_core

FUZZ += dtls_fuzz
dtls_fuzz_SRCS := lib/net/pki_fixture.c
dtls_fuzz_LIBS := net run base
dtls_fuzz_LD := $(NET_LD) -lcmocka

FUZZ += client_hello_fuzz
client_hello_fuzz_LIBS := net run base
client_hello_fuzz_LD := $(NET_LD)

FUZZ += bus_fuzz
bus_fuzz_LIBS := run base
bus_fuzz_LD := -levent_core

FUZZ += im_fuzz
$(O)/obj/tests/fuzz/im_fuzz.o: CPPFLAGS += -Icore/im
im_fuzz_SRCS := $(im_SRCS) $(im_PLAY)
im_fuzz_LIBS := sip run proto base
im_fuzz_LD := -levent_core -ljansson $(proto_LD)

FUZZ += adhoc_form_fuzz
$(O)/obj/tests/fuzz/adhoc_form_fuzz.o: CPPFLAGS += -Icore/im
adhoc_form_fuzz_SRCS := core/im/adhoc/adhoc_form.c
adhoc_form_fuzz_LIBS := proto base
adhoc_form_fuzz_LD := $(proto_LD)

FUZZ += room_fuzz
$(O)/obj/tests/fuzz/room_fuzz.o: CPPFLAGS += -Icore/im
room_fuzz_SRCS := $(room_SRCS)
room_fuzz_LIBS := proto base
room_fuzz_LD := $(proto_LD)

FUZZ += jwt_fuzz
$(O)/obj/tests/fuzz/jwt_fuzz.o: CPPFLAGS += -Icore/im
jwt_fuzz_SRCS := core/im/auth/jwt.c
jwt_fuzz_LIBS := base
jwt_fuzz_LD := -ljansson -lcrypto

FUZZ += archive_form_fuzz
$(O)/obj/tests/fuzz/archive_form_fuzz.o: CPPFLAGS += -Icore/im
archive_form_fuzz_SRCS := $(im_SRCS)
archive_form_fuzz_LIBS := sip run proto base
archive_form_fuzz_LD := -levent_core -ljansson $(proto_LD)
FUZZ += pep_fuzz
$(O)/obj/tests/fuzz/pep_fuzz.o: CPPFLAGS += -Icore/im
pep_fuzz_SRCS := core/im/pep/pep_state.c core/im/pep/pep_form.c core/im/pep/caps_hash.c
pep_fuzz_LIBS := proto base
pep_fuzz_LD := $(proto_LD)

FUZZ += store_fuzz
$(O)/obj/tests/fuzz/store_fuzz.o: CPPFLAGS += -Icore/store
store_fuzz_SRCS := $(store_SRCS)
store_fuzz_LIBS := run db base
store_fuzz_LD := -levent_core -lsqlite3 -lpq -licuuc

FUZZ += c2s_stream_fuzz
$(O)/obj/tests/fuzz/c2s_stream_fuzz.o: CPPFLAGS += -Igateway/access
c2s_stream_fuzz_SRCS := $(access_ENGINE)
c2s_stream_fuzz_LIBS := proto base
c2s_stream_fuzz_LD := $(proto_LD)

FUZZ += conf_text_fuzz
$(O)/obj/tests/fuzz/conf_text_fuzz.o: CPPFLAGS += -Ifirmware/conf
conf_text_fuzz_SRCS := firmware/conf/conf_text.c firmware/conf/aside.c firmware/conf/rows.c firmware/conf/entry.c
conf_text_fuzz_LIBS := run proto base
conf_text_fuzz_LD := -levent_core $(proto_LD)

FUZZ += logd_fuzz
$(O)/obj/tests/fuzz/logd_fuzz.o: CPPFLAGS += -Ifirmware/log
logd_fuzz_SRCS := $(logd_lines_SRCS) $(logd_book_SRCS)
logd_fuzz_LIBS := run base
logd_fuzz_LD := -lz

FUZZ += snmp_fuzz
$(O)/obj/tests/fuzz/snmp_fuzz.o: CPPFLAGS += -Ifirmware/snmp
snmp_fuzz_SRCS := $(snmp_ENGINE) $(snmp_PURE)
snmp_fuzz_LIBS := net run base
snmp_fuzz_LD := -lnetsnmp -levent_core -lcrypto

FUZZ += sipmsg_fuzz sipstream_fuzz sipendpoint_fuzz
sipmsg_fuzz_LIBS := sip base
sipmsg_fuzz_LD := $(SIP_LD)
sipstream_fuzz_LIBS := sip base
sipstream_fuzz_LD := $(SIP_LD)
sipendpoint_fuzz_SRCS := lib/sip/endpoint_fixture.c
sipendpoint_fuzz_LIBS := sip net run base
sipendpoint_fuzz_LD := $(SIP_LD) -levent_core

# Without libFuzzer the targets get a main that replays files. Order only: it comes as a linker flag.
ifneq ($(VARIANT),fuzz)
$(addprefix $(O)/fuzz/,$(FUZZ)): | $(O)/obj/tests/fuzz/replay_main.o
endif

.PHONY: fuzz-replay fuzz-list
fuzz-replay:
	@tests/fuzz/replay
fuzz-list:
	@echo $(FUZZ)

FUZZ += gsip_fuzz
$(O)/obj/tests/fuzz/gsip_fuzz.o: CPPFLAGS += -Ifederation/sip
gsip_fuzz_SRCS := federation/sip/pattern.c federation/sip/target.c federation/sip/loopmark.c federation/sip/login.c
gsip_fuzz_LIBS := sip run proto base
gsip_fuzz_LD := $(SIP_LD) -lcrypto $(proto_LD)

FUZZ += capture_fuzz
$(O)/obj/tests/fuzz/capture_fuzz.o: CPPFLAGS += -Ifirmware/capture
capture_fuzz_SRCS := firmware/capture/filter.c firmware/capture/limits.c
capture_fuzz_LIBS := base
capture_fuzz_LD := -lpcap

FUZZ += dhcp_fuzz dhcp6_fuzz
$(O)/obj/tests/fuzz/dhcp_fuzz.o $(O)/obj/tests/fuzz/dhcp6_fuzz.o: CPPFLAGS += -Ifirmware/dhcp
dhcp_fuzz_SRCS := $(dhcp_PURE)
dhcp_fuzz_LIBS := base
dhcp6_fuzz_SRCS := $(dhcp_PURE)
dhcp6_fuzz_LIBS := base

FUZZ += accounts_fuzz oper_fuzz
$(O)/obj/tests/fuzz/accounts_fuzz.o $(O)/obj/tests/fuzz/oper_fuzz.o: CPPFLAGS += -Ifirmware/conf
accounts_fuzz_SRCS := firmware/conf/account.c firmware/conf/kept.c firmware/conf/summed.c firmware/conf/scrypt.c
accounts_fuzz_LIBS := run base
accounts_fuzz_LD := -lcrypto
oper_fuzz_SRCS := $(conf_ENGINE)
oper_fuzz_LIBS := $(gh-conf_LIBS)
oper_fuzz_LD := $(gh-conf_LD)
FUZZ += backup_file_fuzz
backup_file_fuzz_SRCS := $(backup_file_SRCS)
backup_file_fuzz_LIBS := base
backup_file_fuzz_LD := -lcrypto
$(O)/obj/tests/fuzz/backup_file_fuzz.o: CPPFLAGS += -Ifirmware/keys

FUZZ += upgrade_head_fuzz
upgrade_head_fuzz_SRCS := firmware/update/image_head.c
upgrade_head_fuzz_LIBS := base
upgrade_head_fuzz_LD := -lcrypto
$(O)/obj/tests/fuzz/upgrade_head_fuzz.o: CPPFLAGS += -Ifirmware/update

FUZZ += table_fuzz
$(O)/obj/tests/fuzz/table_fuzz.o: CPPFLAGS += -Ifirmware/shell
table_fuzz_SRCS := firmware/shell/table.c firmware/shell/page.c
table_fuzz_LIBS := base
table_fuzz_LD := -ljansson

FUZZ += bundle_fuzz
bundle_fuzz_SRCS := $(bundle_SRCS)
bundle_fuzz_LIBS := base
bundle_fuzz_LD := -lcrypto
$(O)/obj/tests/fuzz/bundle_fuzz.o: CPPFLAGS += -Ifirmware/keys

FUZZ += time_fuzz
$(O)/obj/tests/fuzz/time_fuzz.o: CPPFLAGS += -Ifirmware/time
time_fuzz_SRCS := $(time_PURE)
time_fuzz_LIBS := run proto base
time_fuzz_LD := $(proto_LD)
FUZZ += crl_fuzz
crl_fuzz_LIBS := net run base
crl_fuzz_LD := $(NET_LD)
FUZZ += resolver_fuzz
$(O)/obj/tests/fuzz/resolver_fuzz.o: CPPFLAGS += -Ifirmware/dns
resolver_fuzz_SRCS := $(resolver_PURE)
resolver_fuzz_LIBS := run proto base
resolver_fuzz_LD := $(proto_LD)
FUZZ += upload_fuzz
$(O)/obj/tests/fuzz/upload_fuzz.o: CPPFLAGS += -Icore/files
upload_fuzz_SRCS := $(files_PURE)
upload_fuzz_LIBS := proto base
upload_fuzz_LD := $(proto_LD)

FUZZ += h2front_fuzz
h2front_fuzz_LIBS := proto base
h2front_fuzz_LD := -lnghttp2 $(proto_LD)

FUZZ += ldap_fuzz
$(O)/obj/tests/fuzz/ldap_fuzz.o: CPPFLAGS += -Icore/dir
ldap_fuzz_SRCS := $(dir_PURE)
ldap_fuzz_LIBS := proto base
ldap_fuzz_LD := -llber $(proto_LD)

FUZZ += record_fuzz
$(O)/obj/tests/fuzz/record_fuzz.o: CPPFLAGS += -Icore/comply
record_fuzz_SRCS := core/comply/format.c
record_fuzz_LIBS := proto base
record_fuzz_LD := -ljansson $(proto_LD)

FUZZ += dn_fuzz search_form_fuzz
$(O)/obj/tests/fuzz/dn_fuzz.o: CPPFLAGS += -Icore/dir
dn_fuzz_SRCS := core/dir/dn.c
dn_fuzz_LIBS := base
dn_fuzz_LD :=
$(O)/obj/tests/fuzz/search_form_fuzz.o: CPPFLAGS += -Icore/im
search_form_fuzz_SRCS := core/im/iq/search_form.c
search_form_fuzz_LIBS := proto base
search_form_fuzz_LD := $(proto_LD)
FUZZ += bulk_row_fuzz
$(O)/obj/tests/fuzz/bulk_row_fuzz.o: CPPFLAGS += -Icore/im
bulk_row_fuzz_SRCS := core/im/bulk/row.c
bulk_row_fuzz_LIBS := proto base
bulk_row_fuzz_LD := $(proto_LD)

SCAN_FUZZ := clamd_fuzz icap_fuzz
FUZZ += $(SCAN_FUZZ)
$(foreach t,$(SCAN_FUZZ),$(eval $(O)/obj/tests/fuzz/$(t).o: CPPFLAGS += -Icore/scan)$(eval $(t)_SRCS := $(scan_PURE))$(eval $(t)_LIBS := proto base)$(eval $(t)_LD := $(proto_LD)))
FUZZ += pie_fuzz
$(O)/obj/tests/fuzz/pie_fuzz.o: CPPFLAGS += -Icore/im
pie_fuzz_SRCS := core/im/portable/pie.c core/im/auth/verifier.c
pie_fuzz_LIBS := sip proto base
pie_fuzz_LD := $(proto_LD)

FUZZ += words_fuzz
$(O)/obj/tests/fuzz/words_fuzz.o: CPPFLAGS += -Icore/store
words_fuzz_SRCS := core/store/words.c
words_fuzz_LIBS := base
words_fuzz_LD := -licuuc
