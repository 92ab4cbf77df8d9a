# A target NAME is tests/fuzz/NAME.c with seeds in tests/fuzz/corpus/NAME; add it to this list and
# name its layers (NAME_LIBS), flags (NAME_LD) and, from product folders, sources (NAME_SRCS).
PROTO_FUZZ := xml_fuzz xml_parse_fuzz stanza_fuzz jid_fuzz envelope_fuzz scram_fuzz dialback_fuzz
FUZZ += $(PROTO_FUZZ)
$(foreach t,$(PROTO_FUZZ),$(eval $(t)_LIBS := proto base)$(eval $(t)_LD := $(proto_LD)))

FUZZ += certname_fuzz
certname_fuzz_LIBS := net base
certname_fuzz_LD := -lcrypto

# Without libFuzzer the targets get a main that replays files. Order only: it comes as a linker flag.
ifneq ($(VARIANT),fuzz)
$(addprefix $(O)/fuzz/,$(FUZZ)): | $(O)/obj/tests/fuzz/replay_main.o
endif

.PHONY: fuzz fuzz-replay fuzz-list
fuzz:
	@tests/fuzz/run $(or $(SECONDS),20)
fuzz-replay:
	@tests/fuzz/replay
fuzz-list:
	@echo $(FUZZ)

FUZZ += conf_text_fuzz
$(O)/obj/tests/fuzz/conf_text_fuzz.o: CPPFLAGS += -Ifirmware/conf
conf_text_fuzz_SRCS := firmware/conf/conf_text.c firmware/conf/rows.c firmware/conf/entry.c
conf_text_fuzz_LIBS := run proto base
conf_text_fuzz_LD := -levent_core $(proto_LD)
