// SPDX-License-Identifier: MIT
//
// The two buses of a desktop in a folder of the test's own, with what desktop_rig.py puts on them,
// and agent/desktop (desktop_client) beside them.

import { spawn, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, removeFolder } from '../sandbox/folder.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { start } from '../sandbox/processes.mjs';

const CLIENT = join(process.env.LANYARD_BUILD, 'tests/integration/desktop_client');
const PYTHON = '/usr/bin/python3'; // Debian's own, which has Debian's modules
const NET_MS = 60_000;
const RIG = join(import.meta.dirname, 'desktop_rig.py');

const missing = [
  [spawnSync(PYTHON, ['-c', 'import dbusmock']).status === 0, 'python3-dbusmock'],
  [spawnSync('dbus-daemon', ['--version']).status === 0, 'dbus-daemon'],
].filter(([there]) => !there).map(([, name]) => name);
export const skip = missing.length > 0 && `not installed: ${missing.join(', ')}`;

// A program that is spoken to in lines. heard: every line so far; next: waits for the first line
// not yet waited for that fits, and fails when the program ends before. Its log is heard too, through
// the same pipe: of two, nobody could say which line came first.
export class Talker {
  constructor(program, args, env) {
    this.heard = [];
    this.position = 0;
    this.waiting = null;
    this.program = program;
    this.child = spawn('/bin/sh', ['-c', 'exec "$0" "$@" 2>&1', program, ...args],
      { env, stdio: ['pipe', 'pipe', 'ignore'] });
    this.kill = () => this.child.kill('SIGKILL');
    process.on('exit', this.kill);
    let rest = '';
    this.child.stdout.setEncoding('utf8').on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      this.heard.push(...lines);
      this.waiting?.();
    });
    this.child.once('close', () => {
      this.over = true;
      this.waiting?.();
    });
    // Not its "close": a locker keeps the standard error that it was given.
    this.ended = new Promise((resolve) => {
      this.child.once('exit', (code, signal) => {
        process.off('exit', this.kill);
        resolve(signal ?? code);
      });
    });
  }

  say(line) {
    this.child.stdin.write(`${line}\n`);
  }

  async next(pattern) {
    const fits = (line) => (pattern instanceof RegExp ? pattern.exec(line) : line === pattern && [line]);
    for (;;) {
      while (this.position < this.heard.length) {
        const found = fits(this.heard[this.position++]);
        if (found) return found;
      }
      if (this.over) throw new Error(`ended before "${pattern}":\n${this.heard.join('\n')}`);
      await this.more(pattern);
    }
  }

  // Until something is heard; a test that waits in vain says for what.
  more(what) {
    return new Promise((resolve, reject) => {
      const net = setTimeout(() => reject(new Error(`nothing like "${what}":\n${this.heard.join('\n')}`)), NET_MS);
      this.waiting = () => {
        clearTimeout(net);
        this.waiting = null;
        resolve();
      };
    });
  }

  // Ends its standard input, which ends it.
  async stop() {
    this.child.stdin.end();
    return inTime(this.ended, `${this.program} to end`, () => this.heard.join('\n'));
  }
}

class Bus {
  constructor(folder, name) {
    this.path = join(folder, name);
    this.address = `unix:path=${this.path}`;
    this.config = join(folder, `${name}.conf`);
    this.services = null;
  }

  // Nothing is started for a name, and everybody may do everything.
  async start() {
    await writeFile(this.config, `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
      "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
      <busconfig><listen>${this.address}</listen><auth>EXTERNAL</auth><policy context="default">
      <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
      </policy></busconfig>`);
    this.daemon = await start('dbus-daemon',
      ['--nofork', '--nopidfile', '--print-address', `--config-file=${this.config}`], { ready: /^unix:.*$/m });
    this.services = new Talker(PYTHON, [RIG, this.address], process.env);
    await this.services.next('ready');
  }

  // One line of Python for desktop_rig.py; what it prints meanwhile is kept for services.next.
  async do(line) {
    const before = this.services.heard.filter((each) => each === 'done').length;
    this.services.say(line);
    while (this.services.heard.filter((each) => each === 'done').length === before) {
      if (this.services.over) throw new Error(`${line}:\n${this.services.heard.join('\n')}`);
      await this.services.more(line);
    }
  }

  // How often a service was called so until now. What it wrote before the answer to one more line is
  // then here: the client's word, through its own pipe, may have come before it.
  async called(line) {
    await this.do('pass');
    return this.services.heard.filter((each) => each === line).length;
  }

  // SIGKILL: the socket's file stays behind.
  async stop(signal = 'SIGTERM') {
    if (!this.services) return;
    await this.daemon.stop(signal);
    await this.services.stop();
    this.services = null;
  }
}

// play({system, session, client, env}): the buses are up; client(command, variables) starts
// desktop_client. Everything ends afterwards.
export async function withDesktop(play) {
  const folder = await makeFolder('desktop');
  const system = new Bus(folder, 'system');
  const session = new Bus(folder, 'session');
  const clients = [];
  const env = {
    PATH: process.env.PATH, XDG_RUNTIME_DIR: folder,
    DBUS_SYSTEM_BUS_ADDRESS: system.address, DBUS_SESSION_BUS_ADDRESS: session.address,
  };
  for (const [name, value] of Object.entries(process.env))
    if (/^(ASAN|LSAN|UBSAN|TSAN)_OPTIONS$/.test(name)) env[name] = value;
  const client = async (command = '', variables = {}) => {
    const started = new Talker(CLIENT, [command], { ...env, ...variables });
    clients.push(started);
    await started.next('ready');
    return started;
  };
  try {
    await Promise.all([system.start(), session.start()]);
    await play({ system, session, client, env, folder });
    for (const each of clients) {
      const status = await each.stop();
      if (status !== 0) throw new Error(`desktop_client ended with ${status}`);
    }
  } catch (error) {
    for (const each of clients) process.stderr.write(`${each.heard.join('\n')}\n`);
    throw error;
  } finally {
    for (const each of clients) each.kill();
    await Promise.all([system.stop(), session.stop()]);
    await removeFolder(folder);
  }
}

// The events that were told so far, without what the client says of itself.
export const events = (client) => client.heard.filter((line) => /^(un)?locked$|^(sleep|resumed|away|back|logged out)$/.test(line));
