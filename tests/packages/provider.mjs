// SPDX-License-Identifier: MIT
//
// The other side of a sign-in, from the installed lanyard-sandbox: virtual cards in a reader of the
// machine's own pcscd, and the stand-in for the provider. Writes what the agents are to be told into
// /etc/lanyard, and stays.

import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const sandbox = '/usr/share/lanyard/sandbox/tests/sandbox';
const { built } = await import(join(sandbox, 'build.mjs'));
const { makePeople, trustOf } = await import(join(sandbox, 'people.mjs'));
const { startOp } = await import(join(sandbox, 'op/op.mjs'));
const { start } = await import(join(sandbox, 'processes.mjs'));
const { tell } = await import(join(sandbox, 'tell.mjs'));

const directory = '/run/virtual-cards';
await mkdir(directory, { recursive: true });
const people = await makePeople();
await start(await built('lanyard-virtual-card'), [directory, people.cards, 'reader-0'], { ready: /^ready$/m });
await tell(join(directory, 'control'), 'insert reader-0 alice', 'the virtual cards');
await writeFile('/etc/reader.conf.d/virtual', `FRIENDLYNAME "Virtual Reader"
DEVICENAME reader:${directory}/readers/reader-0
LIBPATH ${await built('libvirtual-reader.so')}
CHANNELID 0
`);

const op = await startOp({ people: people.file, trust: await trustOf(people), agentPort: 24290 });
op.register();
await copyFile(join(people.ca, 'chain.pem'), '/etc/lanyard/issuers.pem');
await chmod('/etc/lanyard/issuers.pem', 0o644);
await writeFile('/etc/lanyard/conf.d/test.conf', `[cards]
issuers = /etc/lanyard/issuers.pem

[session]
sign-in-at-insertion = no

[desktop]
lock = no

[prompt]
program = /check/pinentry

[provider sandbox]
origin = ${op.origin}
session-endpoint = ${op.sessionEndpoint}
`);
await writeFile('/run/provider', op.origin);
process.stdout.write(`ready ${op.origin} ${(await readFile('/etc/lanyard/conf.d/test.conf')).length}\n`);
setInterval(() => {}, 1 << 30);
