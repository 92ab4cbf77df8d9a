PROGS += gh-update
update_SRCS := firmware/update/image_head.c firmware/update/slots.c firmware/update/install.c
gh-update_SRCS := firmware/update/main.c firmware/update/ask.c firmware/update/slot_files.c firmware/update/slot_image.c firmware/update/esp.c firmware/update/esp_name.c firmware/update/esp_renew.c firmware/update/boot_files.c firmware/update/trust.c $(update_SRCS)
gh-update_LIBS := run base
gh-update_LD := -lcrypto -levent_core -lseccomp

# Who may sign upgrades: UPDATE_TRUST=FILE for a release; else keys of this build tree, in build/keys.
$(O)/gen/update_trust.h: firmware/update/make_trust $(UPDATE_TRUST)
	@mkdir -p $(@D)
	firmware/update/make_trust build/keys $(UPDATE_TRUST) > $@.new
	@mv $@.new $@
$(O)/obj/firmware/update/trust.o: $(O)/gen/update_trust.h
$(O)/obj/firmware/update/trust.o: CPPFLAGS += -I$(O)/gen

TOOLS += upgrade-make slot-boot
upgrade-make_SRCS := firmware/update/tool_make.c firmware/update/image_make.c firmware/update/image_head.c
upgrade-make_LIBS := base
upgrade-make_LD := -lcrypto
slot-boot_SRCS := firmware/update/tool_boot.c firmware/update/slots.c firmware/update/image_head.c
slot-boot_LIBS := base
slot-boot_LD := -lcrypto

UNIT += firmware/update/esp_test
esp_test_SRCS := firmware/update/esp.c firmware/update/esp_name.c firmware/update/image_head.c
esp_test_LIBS := base
esp_test_LD := -lcrypto

UNIT += firmware/update/boot_files_test
boot_files_test_SRCS := firmware/update/boot_files.c firmware/update/esp_renew.c firmware/update/esp.c firmware/update/esp_name.c firmware/update/image_head.c
boot_files_test_LIBS := base
boot_files_test_LD := -lcrypto -Wl,--wrap=pwrite,--wrap=renameat,--wrap=fsync,--wrap=unlinkat,--wrap=openat

UNIT += firmware/update/update_test
update_test_SRCS := $(update_SRCS) firmware/update/image_make.c
update_test_LIBS := base
update_test_LD := -lcrypto
