// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// loop.js lookup|resolve NAME: see loop.c; Node's dns.lookup (the C library) or dns.resolve6 (c-ares).
'use strict';
const dns = require('dns').promises;

const [how, name] = process.argv.slice(2);

async function hasIpv6() {
  try {
    if (how === 'resolve') return (await dns.resolve6(name)).length > 0;
    return (await dns.lookup(name, { all: true })).some((found) => found.family === 6);
  } catch {
    return false;
  }
}

(async () => {
  for (let asked = false; !(await hasIpv6()); asked = true) {
    if (!asked) console.log('asked');
    await new Promise((wake) => setTimeout(wake, 500));
  }
  console.log(Date.now());
})();
