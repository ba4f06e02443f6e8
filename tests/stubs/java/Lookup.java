// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.security.Security;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * Lookup [--time] [--count N] NAME...: what InetAddress.getAllByName() says of each name, without Java's own caches; the
 * options and the output of tests/tools/lookup.c.
 */
final class Lookup {
	private static String lookUp(String name) {
		try {
			return Arrays.stream(InetAddress.getAllByName(name)).map(InetAddress::getHostAddress)
				.map(Lookup::shortened).sorted().collect(Collectors.joining(" "));
		} catch (UnknownHostException error) {
			return "error: " + error.getMessage().replace(name + ": ", "");
		}
	}

	/* Java writes 2001:db8:0:0:0:0:0:1. */
	private static String shortened(String address) {
		return address.replaceFirst(":0(:0)+:", "::");
	}

	private static void lookUpOften(String name, int count, boolean showTime) {
		String first = null;
		for (int i = 0; i < count; i++) {
			long start = System.nanoTime();
			String outcome = lookUp(name);
			long taken = (System.nanoTime() - start) / 1000;
			if (!outcome.equals(first))
				System.out.println("result " + name + " " + outcome);
			first = outcome;
			if (showTime)
				System.out.println("time " + name + " " + taken);
		}
	}

	public static void main(String[] words) {
		boolean showTime = false;
		int count = 1, at = 0;

		Security.setProperty("networkaddress.cache.ttl", "0");
		Security.setProperty("networkaddress.cache.negative.ttl", "0");
		for (; at < words.length && words[at].startsWith("--"); at++) {
			if (words[at].equals("--count"))
				count = Integer.parseInt(words[++at]);
			else
				showTime = true;
		}
		for (; at < words.length; at++)
			lookUpOften(words[at], count, showTime);
	}
}
