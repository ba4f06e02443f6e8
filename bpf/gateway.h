/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets that come in by a device of a gateway: from a container by the host's end of its veth, from a bridge's
 * port, or from a LAN. Their senders are not here, so nothing is known of sockets, cgroups and routes; they are
 * answered by the connectivity of the device's own network namespace.
 *
 * A query that passes is counted under its reason here; where it is then forwarded by a device with the egress
 * program, that counts it once more, as not_local. One that comes by an IP tunnel of Linux 5.10, which leaves the
 * outer header before it, passes as length.
 */
#ifndef STUBSIEVE_GATEWAY_H
#define STUBSIEVE_GATEWAY_H

#include "packet.h"

/* Ethernet, IPv6, UDP: what is read of a packet before anything is known of it. */
#define GATEWAY_HEADERS (ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct udphdr))

/*
 * Some drivers leave the headers in pages until somebody asks for them, and so does GRO of frames made of
 * pages. load() sees only what is linear.
 */
static __always_inline void pull_headers(struct __sk_buff *skb)
{
	__u64 linear = (long)skb->data_end - (long)skb->data;
	__u32 length = skb->len;

	if (linear < GATEWAY_HEADERS && linear < length)
		bpf_skb_pull_data(skb, length < GATEWAY_HEADERS ? length : GATEWAY_HEADERS);
}

/*
 * Was the frame sent to this host by this device? A bridge's port has frames to the bridge, or through it, all
 * of which the operator means. Elsewhere a frame to another MAC address was only overheard, and a tagged one is
 * of a VLAN, which has a device, and maybe a namespace, of its own. What comes in by lo is ours.
 */
static __always_inline bool is_sent_here(struct __sk_buff *skb, const struct net_device *device)
{
	if (skb->ifindex == LOOPBACK_IFINDEX)
		return false;
	if (skb->pkt_type != PACKET_OTHERHOST && !skb->vlan_present)
		return true;
	return is_bridge_port(device);
}

/*
 * Cut off what is behind the datagram: Ethernet pads frames to 60 octets. A sum over the whole frame that the
 * device made (CHECKSUM_COMPLETE) goes with it.
 */
static __always_inline int cut_padding(struct __sk_buff *skb, const struct sieve_packet *packet)
{
	__u32 end = packet->network + packet->ip_length;

	if (skb->len == end)
		return 0;
	if (bpf_skb_pull_data(skb, skb->len) || bpf_skb_change_tail(skb, end, 0))
		return -1;
	return 0;
}

#endif
