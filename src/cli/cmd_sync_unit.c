/* devenv sync install-unit: a unit for systemd on stdout. Nothing is installed. */
#include "cli/commands.h"
#include "cli/sync.h"

#include <string.h>
#include <unistd.h>

/* KillMode=process: what the manifest runs detached is no part of the loop and outlives it. */
static const char unit_text[] =
	"[Unit]\n"
	"Description=Follow git remotes and apply what is pushed (devenv sync)\n"
	"Wants=network-online.target\n"
	"After=network-online.target docker.service\n"
	"\n"
	"[Service]\n"
	"Type=notify\n"
	"NotifyAccess=main\n"
	"Environment=DEVENV_HOME=%s\n"
	"ExecStart=%s sync\n"
	"ExecReload=/bin/kill -HUP $MAINPID\n"
	"Restart=on-failure\n"
	"RestartSec=10s\n"
	"WatchdogSec=2min\n"
	"TimeoutStartSec=infinity\n"
	"TimeoutStopSec=15min\n"
	"KillMode=process\n"
	"NoNewPrivileges=yes\n"
	"RestrictSUIDSGID=yes\n"
	"LockPersonality=yes\n"
	"ProtectClock=yes\n"
	"ProtectHostname=yes\n"
	"ProtectKernelLogs=yes\n"
	"ProtectKernelModules=yes\n"
	"ProtectKernelTunables=yes\n"
	"ProtectControlGroups=yes\n"
	"RestrictRealtime=yes\n"
	"UMask=0077\n"
	"\n"
	"[Install]\n"
	"WantedBy=multi-user.target\n";

static int run_unit(struct cli *cli)
{
	struct error err = ERROR_INIT;
	const char *home;
	char self[4096];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[len > 0 ? len : 0] = '\0';
	if (session_home(cli, &home, &err) < 0)
		return cli_fail(cli, &err);
	if (strpbrk(home, " \t\n%\"'\\$") || strpbrk(self, " \t\n%\"'\\$")) {
		error_set(&err, ERROR_INVALID,
			"a unit cannot name %s or %s: a blank, quote, \"%%\" or \"$\" is in it", home, self);
		return cli_fail(cli, &err);
	}
	stream_add(&cli->out, unit_text, home, self);
	return EXIT_OK;
}

const struct command command_sync_unit = {
	.name = "sync install-unit",
	.group = "Follow",
	.summary = "Print a systemd unit that follows what the machine's file lists",
	.description =
		"A hardened service for this program and this home. Stopping it ends the loop and leaves "
		"running what the manifests run (KillMode=process); what they start inherits the "
		"restrictions, e.g. no setuid programs.",
	.raw = true,
	.examples = (const struct example[]){
		{"Install it", "devenv sync install-unit > /etc/systemd/system/devenv-sync.service"},
		{NULL, NULL}},
	.run = run_unit,
};
