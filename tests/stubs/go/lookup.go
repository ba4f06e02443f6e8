// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// lookup [--time] [--count N] NAME...: what Go's own resolver says of each name; the options and the
// output of tests/tools/lookup.c. Built with CGO_ENABLED=0, so that no C library is asked.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"sort"
	"strings"
	"time"
)

func outcome(addresses []net.IPAddr, err error) string {
	var dnsError *net.DNSError
	if errors.As(err, &dnsError) {
		return "error: " + dnsError.Err
	}
	if err != nil {
		return "error: " + err.Error()
	}
	var texts []string
	for _, address := range addresses {
		texts = append(texts, address.String())
	}
	sort.Strings(texts)
	return strings.Join(texts, " ")
}

func lookUpOften(resolver *net.Resolver, name string, count int, showTime bool) {
	first := ""
	for i := 0; i < count; i++ {
		start := time.Now()
		addresses, err := resolver.LookupIPAddr(context.Background(), name)
		taken := time.Since(start)
		if said := outcome(addresses, err); i == 0 || said != first {
			fmt.Println("result", name, said)
			first = said
		}
		if showTime {
			fmt.Println("time", name, taken.Microseconds())
		}
	}
}

func main() {
	showTime := flag.Bool("time", false, "print the microseconds of each lookup")
	count := flag.Int("count", 1, "lookups per name")
	flag.Parse()
	resolver := &net.Resolver{PreferGo: true}
	for _, name := range flag.Args() {
		lookUpOften(resolver, name, *count, *showTime)
	}
}
