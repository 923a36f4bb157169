// SPDX-License-Identifier: MIT
//
// A desk of a test's own: a display (Xvfb), a session bus with the accessibility bus behind it, and
// chooser_asker (chooser_asker.c), which asks as the session's keeper does, or for an account. Keys come from xdotool,
// what a blind person is told from screen-reader.py.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build, built } from '../sandbox/build.mjs';
import { startDisplay } from '../sandbox/display.mjs';
import { makeFolder, removeFolder } from '../sandbox/folder.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { run, start } from '../sandbox/processes.mjs';

const TITLE = 'Lanyard: choose (your role|an account)';
const PYTHON = '/usr/bin/python3'; // Debian's own, which has the library

const find = (name) => (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, name)));
const missing = [
  [find('Xvfb'), 'xvfb'], [find('xdotool'), 'xdotool'], [find('dbus-daemon'), 'dbus'],
  [existsSync('/usr/libexec/at-spi-bus-launcher'), 'at-spi2-core'],
].filter(([there]) => !there).map(([, name]) => name);
export const skip = missing.length > 0 && `not installed: ${missing.join(', ')}`;

// Looks until it is so.
export async function until(what, look, seen) {
  let over = false;
  const looking = (async () => {
    for (;;) {
      const found = await look();
      if (found || over) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  try {
    return await inTime(looking, what, seen);
  } finally {
    over = true;
  }
}

// Requests to a program that answers each line with one.
function byLines(program, args, env) {
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = [];
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(line));
  child.once('exit', () => waiting.splice(0).forEach((answer) => answer('null')));
  const answered = () => new Promise((resolve) => waiting.push(resolve));
  return {
    ready: answered(),
    async ask(line) {
      const answer = answered();
      child.stdin.write(`${line}\n`);
      return JSON.parse(await inTime(answer, `an answer to "${line}"`));
    },
    stop: () => inTime(new Promise((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve();
      child.once('exit', resolve);
      child.stdin.end();
    }), `${args[0]} to end`),
  };
}

// Everything below node, itself included.
const all = (node) => (node ? [node, ...node.children.flatMap(all)] : []);

export async function withDesk(play) {
  const folder = await makeFolder('desk');
  const display = await startDisplay();
  const bus = await start('dbus-daemon', ['--session', '--nofork', '--print-address'],
    { ready: /^(unix:\S+)$/m, env: { XDG_RUNTIME_DIR: folder } });
  const env = {
    ...process.env, DISPLAY: display.name, GDK_BACKEND: 'x11', XDG_RUNTIME_DIR: folder,
    DBUS_SESSION_BUS_ADDRESS: bus.match[1], GSETTINGS_BACKEND: 'memory', XDG_CONFIG_HOME: folder,
  };
  const reader = byLines(PYTHON, [join(import.meta.dirname, 'screen-reader.py')], env);
  const askers = [];
  try {
    await inTime(reader.ready, 'the screen reader');
    await play(makeDesk({ env, folder, reader, askers }));
  } finally {
    for (const asker of askers) await asker.stop('SIGKILL');
    await reader.stop();
    await bus.stop();
    await display.close();
    await removeFolder(folder);
  }
}

function makeDesk({ env, folder, reader, askers }) {
  const xdotool = (...words) => run('xdotool', words, { env });
  const desk = {
    folder,
    // roles: lists of name, organisation and code; current 'account': they are accounts. Resolves once the question is on its way; the
    // answer comes by itself.
    async ask({ name = 'Dr Alice Example', roles, current = -1, seconds = 600, more = {}, helpers = join(build, 'bin') }) {
      const file = join(folder, `roles-${askers.length}`);
      await writeFile(file, roles.map((role) => `${role.join('\t')}\n`).join(''));
      const asker = await start(await built('chooser_asker'),
        [helpers, file, name, `${current}`, `${seconds}`], { ready: /^asked$/m, env: { ...env, ...more } });
      askers.push(asker);
      asker.answer = inTime(asker.ended, 'the answer', () => asker.output).then(() =>
        asker.output.split('\n').filter((line) => /^(ok \d+|[a-z]+-?[a-z]*)$/.test(line) && line !== 'asked').at(-1));
      asker.answer.catch(() => {}); // whoever awaits it sees the error
      return asker;
    },
    // The window, once it is on the screen and has the keyboard.
    async window() {
      const found = await inTime(xdotool('search', '--sync', '--onlyvisible', '--name', `^${TITLE}$`), 'the window');
      const id = found.trim().split('\n').at(-1);
      await inTime(xdotool('windowfocus', '--sync', id), 'the focus');
      await until('a row that has the focus', async () => (await desk.rows()).some(({ focused }) => focused));
      return id;
    },
    gone: (window) => until('the window to go away', () =>
      xdotool('getwindowname', window).then(() => false, () => true)),
    async size(window) {
      const [, width, height] = /WIDTH=(\d+)\nHEIGHT=(\d+)/.exec(await xdotool('getwindowgeometry', '--shell', window));
      return { width: Number(width), height: Number(height) };
    },
    key: (...names) => xdotool('key', ...names),
    type: (text) => xdotool('type', text),
    // What the screen reader tells.
    tree: () => reader.ask('tree'),
    nodes: async () => all(await reader.ask('tree')),
    select: (name) => reader.ask(`select ${name}`),
    press: (name) => reader.ask(`press ${name}`),
    rows: async () => (await desk.nodes()).filter(({ role }) => role === 'list item').map((row) => ({
      name: row.name, description: row.description,
      marked: row.states.includes('selected'), focused: row.states.includes('focused'),
    })),
    marked: async () => (await desk.rows()).find(({ marked }) => marked)?.name,
    count: async () => (await desk.nodes()).find(({ role }) => role === 'status bar')?.text,
  };
  return desk;
}
