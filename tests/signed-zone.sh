# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# A zone that the lab's server signs itself, `signed.example`, with the same names as `example`. For shell tests
# that have sourced tools/lab/lab.sh.
#
#   signed_zone          after lab_init, before lab_host: the server will have it
#   signed_zone_anchor   after lab_host: waits until it is signed, and writes its key, for validators, to
#                        $SIGNED_ANCHOR, as a DNSKEY record

signed_zone() {
	SIGNED_ANCHOR=$LAB_DIR/anchor
	lab_zone >"$LAB_DIR/server/signed.zone"
	# shellcheck disable=SC2034 # lab_named_conf takes it
	LAB_NAMED_EXTRA='zone "signed.example" {
		type primary; file "signed.zone"; key-directory "."; dnssec-policy default; inline-signing yes;
	};'
}

signed_zone_is_signed() {
	lab_server dig "@${1/%h0/s0}" +dnssec +tries=1 +time=2 missing.signed.example AAAA | grep -q 'IN.RRSIG.NSEC'
}

signed_zone_anchor() {
	local server
	server=$(lab_first_address)
	lab_until 10 signed_zone_is_signed "$server" || lab_die "the server does not sign its zone"
	lab_server dig "@$server" +noall +answer signed.example DNSKEY >"$SIGNED_ANCHOR"
	grep -q DNSKEY "$SIGNED_ANCHOR" || lab_die "the signed zone has no key"
}
