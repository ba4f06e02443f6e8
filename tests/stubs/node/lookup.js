// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// lookup.js lookup|resolve [--time] [--count N] NAME...: what Node says of each name; the options and the output of
// tests/tools/lookup.c. `lookup` is dns.lookup(), which asks the C library; `resolve` is dns.resolve4() and
// dns.resolve6() at the same time, which ask the DNS themselves: a line for each type.
'use strict';
const { performance } = require('perf_hooks');
const dns = require('dns').promises;

const outcomeOf = (promise) => promise.then(
	(addresses) => addresses.map((entry) => entry.address || entry).sort().join(' '),
	(error) => `error: ${error.code}`);

const ways = {
	lookup: async (name) => [`${name} ${await outcomeOf(dns.lookup(name, { all: true }))}`],
	resolve: async (name) => {
		const [a, aaaa] = await Promise.all([outcomeOf(dns.resolve4(name)), outcomeOf(dns.resolve6(name))]);
		return [`${name} A ${a}`, `${name} AAAA ${aaaa}`];
	},
};

async function lookUpOften(lookUp, name, count, showTime) {
	let first = '';
	for (let i = 0; i < count; i++) {
		const start = performance.now();
		const outcome = (await lookUp(name)).map((line) => `result ${line}`).join('\n');
		const taken = performance.now() - start;
		if (outcome !== first)
			console.log(outcome);
		first = outcome;
		if (showTime)
			console.log('time', name, Math.round(taken * 1000));
	}
}

async function main(way, words) {
	let showTime = false, count = 1;
	for (; words[0].startsWith('--'); words.shift()) {
		if (words[0] === '--time')
			showTime = true;
		else if (words[0] === '--count')
			count = Number(words.splice(1, 1)[0]);
	}
	for (const name of words)
		await lookUpOften(ways[way], name, count, showTime);
}

main(process.argv[2], process.argv.slice(3));
