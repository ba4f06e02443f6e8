// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// loop NAME: see loop.c; Go's own resolver.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"
)

func hasIPv6(resolver *net.Resolver, name string) bool {
	addresses, _ := resolver.LookupIPAddr(context.Background(), name)
	for _, address := range addresses {
		if address.IP.To4() == nil {
			return true
		}
	}
	return false
}

func main() {
	resolver := &net.Resolver{PreferGo: true}
	for asked := false; !hasIPv6(resolver, os.Args[1]); asked = true {
		if !asked {
			fmt.Println("asked")
		}
		time.Sleep(500 * time.Millisecond)
	}
	fmt.Println(time.Now().UnixMilli())
}
