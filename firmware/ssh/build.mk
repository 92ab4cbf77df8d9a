PROGS += gh-sshd gh-ssh-keys gh-sftp
gh-sshd_SRCS := firmware/ssh/sshd.c firmware/ssh/text.c firmware/ssh/ask.c
gh-sshd_LIBS := run base
gh-ssh-keys_SRCS := firmware/ssh/keys.c firmware/ssh/ask.c
gh-ssh-keys_LIBS := base
gh-sftp_SRCS := firmware/ssh/sftp.c
