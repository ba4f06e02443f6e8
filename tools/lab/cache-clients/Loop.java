// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;

/** Loop NAME: see loop.c; java.net.InetAddress. */
public class Loop {
	static boolean hasIpv6(String name) {
		try {
			for (InetAddress address : InetAddress.getAllByName(name))
				if (address instanceof Inet6Address)
					return true;
		} catch (UnknownHostException none) {
			return false;
		}
		return false;
	}

	public static void main(String[] arguments) throws InterruptedException {
		for (boolean asked = false; !hasIpv6(arguments[0]); asked = true) {
			if (!asked)
				System.out.println("asked");
			Thread.sleep(500);
		}
		System.out.println(System.currentTimeMillis());
	}
}
