// SPDX-License-Identifier: MIT
//
// Virtual security keys (lanyard-virtual-key) and the made-up machine they are plugged into: programs
// that run in `environment` find them as /dev/hidraw0, 1, ... and hear of them from udev; everything
// of libfido2 and of udev's library runs as it is.
//
//   const keys = await startKeys({ directory, people, keys: ['key-0', { name: 'key-1', pin: '2580' }] });
//   await start('fido2-token', ['-L'], { env: keys.environment });
//   await keys.ctl('unplug', 'key-0');
//   await keys.close();
//
// With startSandbox({ keys }) the agent finds them, and this object is sandbox.keys.

import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build, built } from './build.mjs';
import { start } from './processes.mjs';
import { tell } from './tell.mjs';

// directory  a private one; what is made in it is the caller's to remove with it
// people     from makePeople(): the attestation certificate comes from there
// keys       names (lower-case letters, digits, hyphens), or
//              { name, kind, plugged, pin, finger, delay }:
//            kind     'usb' (default), 'socket': a redirected key, at keys.path(name), or 'uhid': the
//                     kernel's own, in a virtual machine
//            plugged  false: it is not plugged in at the start
//            pin      its PIN, if it shall have one
//            finger   true: it verifies the person itself
//            delay    when it is touched: so many milliseconds after it begins to blink (default 0),
//                     'never', or 'command': upon ctl('touch', name), now or when it next blinks
//
// Resolves with { ctl, state, environment, helpers, path, close }:
// ctl(...words)      resolves with the answer; `ctl key --help` lists the words
// state(name)        ctl('state', name) as an object: { plugged, blinking, open, messages, tries, ... }
// environment        what programs need to see these keys, and no others
// helpers(folder)    makes `folder` the agent's folder of helper programs
// path(name)         "/dev/hidraw0", or a redirected key's socket
export async function startKeys({ directory, people, keys = ['key-0'] }) {
  const all = keys.map((key) => (typeof key === 'string' ? { name: key } : key))
    .map((key) => ({ kind: 'usb', plugged: true, ...key }));
  const folder = join(directory, 'keys');
  await mkdir(folder, { mode: 0o700, recursive: true });
  const program = await start(await built('lanyard-virtual-key'),
    [folder, people.keys, ...all.map(({ kind, name }) => `${kind}:${name}`)], { ready: /^ready (\S+)$/m });
  const ctl = (...words) => tell(join(folder, 'control'), words.join(' '), 'the virtual keys');
  const root = program.match[1]; // '-': a uhid key is the kernel's
  const environment = root === '-' ? {} : machineEnvironment(root);
  try {
    for (const key of all) await prepare(ctl, key);
  } catch (error) {
    await program.stop();
    throw error;
  }
  return {
    directory: folder,
    program,
    ctl,
    environment,
    state: async (name) => readState(await ctl('state', name)),
    path: (name) => (all.find((key) => key.name === name).kind === 'socket' ? join(folder, `${name}.socket`)
      : `/dev/hidraw${all.findIndex((key) => key.name === name)}`),
    helpers: (into) => makeHelpers(into, environment),
    close: () => program.stop(),
  };
}

async function prepare(ctl, { name, plugged, pin, finger, delay }) {
  if (pin) await ctl('pin', name, 'set', pin);
  if (finger) await ctl('finger', name, 'on');
  if (delay !== undefined) await ctl('delay', name, String(delay));
  if (plugged) await ctl('plug', name);
}

// "plugged=1 pin=set ..." as an object; what looks like a number is one.
const readState = (line) => Object.fromEntries(line.split(' ').map((word) => word.split('=')).map(
  ([name, value]) => [name, /^\d+$/.test(value) ? Number(value) : value]));

// In which a program finds the devices of the made-up machine in that folder. umockdev's library comes
// before the address sanitiser's, where there is one; it does no harm.
export function machineEnvironment(root) {
  const asan = process.env.ASAN_OPTIONS;
  return {
    LD_PRELOAD: 'libumockdev-preload.so.0',
    UMOCKDEV_DIR: root,
    ASAN_OPTIONS: [...(asan ? [asan] : []), 'verify_asan_link_order=0'].join(':'),
  };
}

// The agent gives lanyard-fido no environment to speak of, and the other helpers its own. So the one
// gets what it needs here, and the others lose it.
async function makeHelpers(folder, environment) {
  const from = dirname(await built('lanyardd'));
  const wrapper = async (name, words, place = from) => writeFile(join(folder, name),
    `#!/bin/sh\nexec env ${words} '${join(place, name)}' "$@"\n`, { mode: 0o700 });
  const sanitisers = Object.keys(process.env).filter((name) => /^(LSAN|UBSAN|TSAN)_OPTIONS$/.test(name));
  const all = { ...environment, ...Object.fromEntries(sanitisers.map((name) => [name, process.env[name]])) };
  await mkdir(folder, { mode: 0o700, recursive: true });
  await wrapper('lanyard-fido', Object.entries(all).map(([name, value]) => `${name}='${value}'`).join(' '),
    environment.UMOCKDEV_DIR ? join(build, 'tests', 'made-up') : from); // which may reach the made-up machine
  for (const name of ['lanyard-prompt', 'lanyard-chooser']) await wrapper(name, '-u LD_PRELOAD -u UMOCKDEV_DIR');
  await symlink(join(from, 'lanyard-card'), join(folder, 'lanyard-card'));
  return folder;
}
