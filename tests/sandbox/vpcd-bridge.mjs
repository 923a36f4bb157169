// SPDX-License-Identifier: MIT
//
// The sandbox's virtual card in a reader that is not ours: the stock vpcd driver (vsmartcard) in a
// pcscd of its own. What works with reader/ and not here is a fault of reader/, or the other way
// round.
//
// vpcd listens on every interface, so pcscd runs in a network namespace of its own that has nothing
// but a loopback; any number of them run side by side. Its clients stay outside, since the way to
// pcscd is a Unix socket. The namespace needs root, or a kernel that lets users make their own.
//
//   const vpcd = await startVpcd(sandbox, 'reader-0');  // before sandbox.startAgent()
//   ... sandbox.ctl('insert', 'reader-0', 'alice') ...
//   await vpcd.stop();
//
// The namespace's first process becomes pcscd; the bridge is its child and ends with it.

import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, start } from './processes.mjs';

const BRIDGE = fileURLToPath(new URL('vpcd-bridge.py', import.meta.url));
const PORT = 0x8c7b; // vpcd's own choice; the namespace has it for itself
const DRIVERS = ['/usr/lib', '/usr/lib64', '/usr/local/lib']
  .map((folder) => join(folder, 'pcsc/drivers/serial/libifdvpcd.so'));
const NAMESPACE = process.getuid() === 0 ? ['--net'] : ['--net', '--map-root-user'];

// $1 bridge, $2 reader's socket, $3 port, $4 pcscd's socket, $5 its configuration.
const INSIDE = `
set -eu
PATH=$PATH:/usr/sbin:/sbin
ip link set lo up
polkit=
if pcscd --help | grep -q -e --disable-polkit; then polkit=--disable-polkit; fi
setpriv --pdeathsig KILL "$1" "$2" "$3" &
exec setpriv --pdeathsig TERM systemd-socket-activate -l "$4" pcscd --foreground --config "$5" $polkit
`;

async function findDriver() {
  const settings = await readFile('/etc/reader.conf.d/vpcd', 'utf8').catch(() => '');
  const [, named] = /^LIBPATH\s+(\S+)/m.exec(settings) ?? [];
  return [named, ...DRIVERS].find((path) => path && existsSync(path));
}

// Why it cannot run here, or false.
export async function whyNoVpcd() {
  if (!await findDriver()) return 'not installed: vsmartcard-vpcd';
  for (const [program, ...args] of [['python3', '--version'], ['setpriv', '--version'],
    ['systemd-socket-activate', '--version']]) {
    const missing = await run(program, args).then(() => false, () => `not installed: ${program}`);
    if (missing) return missing;
  }
  return run('unshare', [...NAMESPACE, 'ip', 'link', 'set', 'lo', 'up'], { env: withSbin() })
    .then(() => false, () => 'not allowed: a network namespace (unshare --net)');
}

const withSbin = () => ({ PATH: `${process.env.PATH}:/usr/sbin:/sbin` });

// Takes the reader over from the sandbox's own pcscd, and puts the agent's clients on this one.
export async function startVpcd(sandbox, reader) {
  const config = join(sandbox.directory, 'vpcd');
  const socket = join(config, 'pcscd.sock');
  const conf = join(config, 'reader.conf.d');
  await mkdir(conf, { recursive: true, mode: 0o700 });
  await writeFile(join(conf, 'vpcd'), `FRIENDLYNAME "Virtual PCD"
DEVICENAME /dev/null:0x${PORT.toString(16).toUpperCase()}
LIBPATH ${await findDriver()}
CHANNELID 0x${PORT.toString(16).toUpperCase()}
`);
  await sandbox.readerService.stop(); // one driver per reader
  const service = await start('unshare', [...NAMESPACE, 'sh', '-c', INSIDE, 'vpcd', BRIDGE,
    join(sandbox.directory, 'readers', reader), String(PORT), socket, conf], { ready: /Listening on/ });
  sandbox.environment.PCSCLITE_CSOCK_NAME = socket;
  return service;
}
