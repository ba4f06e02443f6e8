#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# `stubsieve doctor` as its users meet it: the exit statuses, the JSON, and a controller that runs, hangs or is gone.
# What each check says is tested in tests/kernel/doctor.c.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
. tools/lab/lab.sh

# doctor [OPTION...]
# shellcheck disable=SC2120 # of which there are none in one case
doctor() {
	lab_control "$STUBSIEVE" doctor --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve" \
		--cgroup "$LAB/clients" "$@"
}

# seen NAME: verdict and text of the check, of the last expect_status
seen() { jq -r --arg name "$1" '.checks[] | select(.name == $name) | "\(.verdict): \(.seen)"' "$LAB_DIR/doctor.json"; }

# expect_status PHRASE STATUS COMMAND...
expect_status() {
	local phrase=$1 want=$2 status=0
	shift 2
	"$@" >"$LAB_DIR/doctor.json" 2>"$LAB_DIR/doctor.stderr" || status=$?
	check_equal "$phrase: exit status, and nothing on stderr" "$want " "$status $(cat "$LAB_DIR/doctor.stderr")"
}

# in_mounts SCRIPT [OPTION...]: after the script, in a mount namespace of its own
in_mounts() {
	local script=$1
	shift
	lab_control unshare --mount --propagation private sh -euc "$script"' "$@"' sh "$STUBSIEVE" doctor --json \
		--run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve" "$@"
}

fit() {
	expect_status "a machine that is fit" 0 doctor --json
	check_equal "fit: it can run, and all checks have their fields" "true true" "$(jq -r '"\(.can_run) \(.checks |
		all((keys == ["cure", "name", "seen", "verdict"]) and (.verdict | IN("ok", "note", "warning"))))"' "$LAB_DIR/doctor.json")"
	check_equal "fit: the programs were tried" "ok: the kernel takes them all" \
		"$(seen programs | cut -d'(' -f1 | sed 's/ $//')"
	check_equal "fit: nothing was made" "" "$(lab_control ls -A "$LAB_DIR/run" "$LAB_DIR/bpf/stubsieve" 2>/dev/null)"
	check_equal "fit: no controller" "note: none runs" "$(seen controller)"
	# shellcheck disable=SC2119 # our own arguments are others
	check_equal "fit: as text, it says so in the end" "It can run here." "$(doctor | tail -n 1)"
}

unfit() {
	expect_status "no BTF" 6 in_mounts 'mount --bind /dev/null /sys/kernel/btf/vmlinux;'
	check_equal "no BTF: it cannot run" "false missing" "$(jq -r .can_run "$LAB_DIR/doctor.json") $(seen btf | cut -d: -f1)"
	# shellcheck disable=SC2016 # the inner shell's
	expect_status "no cgroup2" 6 in_mounts 'while mount=$(awk "/ - cgroup2 / { print \$5 }" /proc/self/mountinfo | tail -n 1) &&
		[ -n "$mount" ]; do umount -l "$mount"; done;'
	expect_status "a pin-dir on no bpffs" 2 doctor --json --pin-dir "$LAB_DIR/x/y"
	printf 'action = maybe\nfrobnicate = 1\n' >"$LAB_DIR/broken.conf"
	expect_status "a broken configuration" 2 doctor --json --config "$LAB_DIR/broken.conf"
	check_equal "a broken configuration: each line is named" "2" \
		"$(seen configuration | grep -c "^missing: $LAB_DIR/broken.conf:[12]: ")"
	echo 'settle = 7' >"$LAB_DIR/sound.conf"
	expect_status "a sound configuration" 0 doctor --json --config "$LAB_DIR/sound.conf"
	check_equal "a sound configuration: it is named" "ok: $LAB_DIR/sound.conf is sound" "$(seen configuration)"
	expect_status "a configuration that is not there" 2 doctor --json --config "$LAB_DIR/none.conf"
	expect_status "no capabilities" 5 lab_control setpriv --bounding-set=-all --inh-caps=-all "$STUBSIEVE" doctor --json \
		--run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve"
	check "no capabilities: they are named" grep -q CAP_NET_ADMIN <(seen capabilities)
	expect_status "what run refuses without CAP_SYS_PTRACE" 5 lab_control setpriv --bounding-set=-sys_ptrace --inh-caps=-all \
		"$STUBSIEVE" doctor --json --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve"
	check_equal "what run refuses without CAP_SYS_PTRACE: it cannot run" false "$(jq -r .can_run "$LAB_DIR/doctor.json")"
	expect_status "no capabilities, and a pin-dir on no bpffs" 2 lab_control setpriv --bounding-set=-all --inh-caps=-all \
		"$STUBSIEVE" doctor --json --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/x/y"
	cp "$STUBSIEVE" "$LAB_DIR/stubsieve" && chmod 755 "$LAB_DIR/stubsieve"
	expect_status "as nobody" 5 lab_control setpriv --reuid=65534 --regid=65534 --clear-groups "$LAB_DIR/stubsieve" doctor \
		--json --run-dir "$LAB_DIR/run"
	check "an option that it does not take is refused" test \
		"$(lab_control "$STUBSIEVE" doctor --frobnicate 2>/dev/null; echo $?)" = 2
}

controllers() {
	local pid
	start_filter "a controller" --settle 0 || return
	pid=$(lab_status .pid)
	expect_status "beside a controller" 0 doctor --json
	check_equal "beside a controller: it is named" "ok: runs: pid $pid" "$(seen controller | cut -d, -f1)"
	check_equal "beside a controller: its programs are not those of others" "ok" "$(seen interface-programs | cut -d: -f1)"
	check_equal "beside a controller: it goes on" "$pid true" "$(lab_status .pid) $(lab_filtered && echo true)"
	kill -STOP "$pid"
	expect_status "a controller that hangs" 0 doctor --json
	check_equal "a controller that hangs: a warning" "warning" "$(seen controller | cut -d: -f1)"
	kill -KILL "$pid"
	lab_until 5 lab_gone "$LAB_FILTER_PID"
	LAB_FILTER_PID=''
	expect_status "a killed controller" 0 doctor --json
	check "a killed controller: its filter is told of" grep -q "warning: none runs, but the filter" <(seen controller)
	lab_control "$STUBSIEVE" stop --run-dir "$LAB_DIR/run" --pin-dir "$LAB_DIR/bpf/stubsieve"
	expect_status "after stop" 0 doctor --json
	check_equal "after stop: none" "note: none runs" "$(seen controller)"
}

need_root
lab_init doctor
lab_host ipv4
fit
unfit
controllers
finish
