PROGS += gh-sshd gh-ssh-keys gh-sftp
gh-sshd_SRCS := firmware/ssh/sshd.c firmware/ssh/text.c firmware/ssh/ask.c
gh-sshd_LIBS := run base
gh-ssh-keys_SRCS := firmware/ssh/keys.c firmware/ssh/ask.c
gh-ssh-keys_LIBS := base
gh-sftp_SRCS := firmware/ssh/sftp.c

# A module that sshd loads: its own position-independent copies of what it needs.
pam_SRCS := firmware/ssh/pam_gatehouse.c lib/base/buf.c lib/base/bytes.c lib/base/wire.c lib/base/secret.c lib/base/err.c
$(O)/bin/pam_gatehouse.so: $(pam_SRCS) $(wildcard lib/base/*.h) lib/run/oper.h
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(CPPFLAGS)) $(filter-out -fPIE -fsanitize% -fno-sanitize%,$(CFLAGS)) -fPIC -fvisibility=default -shared \
		-Wl,-z,relro,-z,now -Wl,-z,defs -o $@ $(pam_SRCS) -lpam -lcrypto
$(O)/bin/gh-sshd: | $(O)/bin/pam_gatehouse.so

UNIT += firmware/ssh/ssh_test
ssh_test_SRCS := firmware/ssh/text.c
ssh_test_LIBS := run base
