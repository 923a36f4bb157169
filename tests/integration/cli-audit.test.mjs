// SPDX-License-Identifier: MIT
//
// `lanyard audit` reads back what the agent has written down: from a journal made for the test
// (systemd-journal-remote writes one from text) and from the agent's own files, in one list.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from '../sandbox/build.mjs';
import { makeFolder, removeFolder } from '../sandbox/folder.mjs';

const lanyard = join(build, 'bin/lanyard');
const REMOTE = '/lib/systemd/systemd-journal-remote';
const noJournal = !existsSync(REMOTE) && 'not installed: systemd-journal-remote';
const SIGN_IN = '1dc7392504984044b3a3974b2fef7a67';
const REFUSED = '5765db1d73d0414690b4d361521e1fe0';

async function withTrail(play) {
  const folder = await makeFolder('audit');
  await mkdir(join(folder, 'state/lanyard'), { recursive: true, mode: 0o700 });
  await mkdir(join(folder, 'journal'));
  const environment = { ...process.env, TZ: 'UTC', XDG_STATE_HOME: join(folder, 'state') };
  // It is never this machine's own journal that is read here.
  const audit = (...args) => spawnSync(lanyard, ['audit', '--journal', join(folder, 'journal'), ...args],
    { encoding: 'utf8', env: environment, timeout: 60_000 });
  try {
    await play({ folder, audit, file: (name) => join(folder, 'state/lanyard', name), json: (...args) => {
      const { status, stdout, stderr } = audit('--json', ...args);
      assert.equal(status, 0, stderr);
      return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    } });
  } finally {
    await removeFolder(folder);
  }
}

const line = (time, fields) => `${JSON.stringify({ time, MESSAGE_ID: SIGN_IN, ...fields })}\n`;
const entry = (time, event, more = {}) => line(time, { LANYARD_EVENT: event, LANYARD_OUTCOME: 'ok', ...more });

// entries: objects with a time (ISO) and fields, in the order of their times.
function writeJournal(folder, entries) {
  const text = entries.map(({ time, uid = process.getuid(), ...fields }) => [
    `__REALTIME_TIMESTAMP=${Date.parse(time)}000`, '__MONOTONIC_TIMESTAMP=1000',
    `_BOOT_ID=${'0123456789abcdef'.repeat(2)}`, `_UID=${uid}`,
    ...Object.entries(fields).map(([name, value]) => `${name}=${value}`), '', '',
  ].join('\n')).join('');
  const made = spawnSync(REMOTE, ['-o', join(folder, 'journal/test.journal'), '-'], { input: text, encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
}

test('where nothing was written down it says so', async () => {
  await withTrail(async ({ audit }) => {
    const { status, stdout, stderr } = audit();
    assert.deepEqual([status, stdout, stderr], [0, '', 'Nothing has been written down.\n']);
    assert.equal(audit('--json').stdout, '');
  });
});

test('the files are read in the order in which they were written', async () => {
  await withTrail(async ({ audit, file, json }) => {
    await writeFile(file('audit.jsonl.1'), entry('2026-11-21T08:00:00.000Z', 'session-opened')
      + entry('2026-11-21T09:00:00.500Z', 'session-ended', { LANYARD_CAUSE: 'card-removed' }));
    await writeFile(file('audit.jsonl'), entry('2026-11-22T08:00:00.123Z', 'sign-in', {
      LANYARD_UID: '555000000101', LANYARD_READER: 'Example Reader 00 00', LANYARD_LATER: 'new',
    }));
    assert.deepEqual(json().map(({ time, LANYARD_EVENT: event }) => [time, event]), [
      ['2026-11-21T08:00:00.000Z', 'session-opened'],
      ['2026-11-21T09:00:00.500Z', 'session-ended'],
      ['2026-11-22T08:00:00.123Z', 'sign-in'],
    ]);
    assert.deepEqual(json().at(-1), {
      time: '2026-11-22T08:00:00.123Z', LANYARD_EVENT: 'sign-in', LANYARD_OUTCOME: 'ok', LANYARD_UID: '555000000101',
      LANYARD_READER: 'Example Reader 00 00', MESSAGE_ID: SIGN_IN, LANYARD_LATER: 'new',
    });
    assert.equal(audit().stdout, [
      '2026-11-21 08:00:00  session-opened: ok',
      '2026-11-21 09:00:00  session-ended: ok cause=card-removed',
      '2026-11-22 08:00:00  sign-in: ok uid=555000000101 reader="Example Reader 00 00" later=new',
      '',
    ].join('\n'));
  });
});

test('journal and files are one list', { skip: noJournal }, async () => {
  await withTrail(async ({ folder, file, json }) => {
    writeJournal(folder, [
      { time: '2026-11-22T08:00:00.000Z', MESSAGE_ID: SIGN_IN, MESSAGE: 'x', LANYARD_EVENT: 'sign-in', LANYARD_OUTCOME: 'ok' },
      { time: '2026-11-22T08:30:00.000Z', MESSAGE_ID: 'f'.repeat(32), LANYARD_EVENT: 'not-ours' },
      { time: '2026-11-22T08:40:00.000Z', uid: process.getuid() + 1, MESSAGE_ID: SIGN_IN, LANYARD_EVENT: 'somebody-else' },
      {
        time: '2026-11-22T10:00:00.000Z', MESSAGE_ID: REFUSED, LANYARD_EVENT: 'refused', LANYARD_OUTCOME: 'not-allowed',
        LANYARD_CODE: 'LY-1404', LANYARD_ORIGIN: 'https://evil.example',
      },
    ]);
    await writeFile(file('audit.jsonl'), entry('2026-11-22T09:00:00.000Z', 'session-opened'));
    assert.deepEqual(json().map(({ LANYARD_EVENT: event }) => event), ['sign-in', 'session-opened', 'refused']);
    assert.deepEqual(json('--event', 'refused'), [{
      time: '2026-11-22T10:00:00.000Z', LANYARD_EVENT: 'refused', LANYARD_OUTCOME: 'not-allowed',
      LANYARD_CODE: 'LY-1404', LANYARD_ORIGIN: 'https://evil.example', MESSAGE_ID: REFUSED,
    }]);
    assert.deepEqual(json('--entries', '2').map(({ LANYARD_EVENT: event }) => event), ['session-opened', 'refused']);
    assert.deepEqual(json('--since', '2026-11-22 09:30').map(({ LANYARD_EVENT: event }) => event), ['refused']);
  });
});

test('--since takes what people write', async () => {
  await withTrail(async ({ file, json }) => {
    const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();
    const day = (days) => new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
    await writeFile(file('audit.jsonl'),
      entry(ago(4 * 1440), 'session-opened') + entry(ago(90), 'session-locked') + entry(ago(10), 'session-resumed'));
    const since = (text) => json('--since', text).map(({ LANYARD_EVENT: event }) => event.slice(8));
    assert.deepEqual(since('30m'), ['resumed']);
    assert.deepEqual(since('7200s'), ['locked', 'resumed']);
    assert.deepEqual(since('2h'), ['locked', 'resumed']);
    assert.deepEqual(since('5d'), ['opened', 'locked', 'resumed']);
    assert.deepEqual(since(day(5)), ['opened', 'locked', 'resumed']);
    assert.deepEqual(since(`${day(3)}T00:00Z`), ['locked', 'resumed']);
    assert.deepEqual(since(`${day(-2)} 00:00:00`), []);
    assert.ok(since('yesterday').includes('resumed'));
    assert.ok(!since('today').includes('opened'));
  });
});

test('without --since and --entries it is the newest hundred', async () => {
  await withTrail(async ({ file, json }) => {
    const all = Array.from({ length: 250 }, (_, i) =>
      entry(new Date(Date.UTC(2026, 10, 1) + i * 1000).toISOString(), 'session-proved', { LANYARD_SESSION: `s${i}` }));
    await writeFile(file('audit.jsonl'), all.join(''));
    assert.deepEqual(json().map(({ LANYARD_SESSION: sid }) => sid), Array.from({ length: 100 }, (_, i) => `s${i + 150}`));
    assert.equal(json('--entries', '7').length, 7);
    assert.equal(json('--since', '2026-01-01').length, 250);
  });
});

test('what is damaged is left out, and counted', async () => {
  await withTrail(async ({ audit, file, json }) => {
    const good = entry('2026-11-22T08:00:00.000Z', 'sign-in');
    await writeFile(file('audit.jsonl'), [
      '{"time":"2026-11-22T07:00:00.000Z","LANYARD_EV\n',
      good,
      '\n', 'no JSON\n', '[]\n', '{}\n', '{"time":7}\n', '{"time":"noon"}\n',
      '{"time":"2026-11-22T07:00:00.000Z","LANYARD_EVENT":{"a":1}}\n',
      `{"time":"2026-11-22T07:00:00.000Z","LANYARD_EVENT":"sign-in"} and more\n`,
      `${'x'.repeat(100_000)}\n`, `${'['.repeat(5000)}\n`,
      entry('2026-11-22T09:00:00.000Z', 'refused', { LANYARD_ORIGIN: '\u001b[2J\u202e"evil"\u2060\u009b' }).trimEnd(),
    ].join(''));
    const { status, stdout, stderr } = audit();
    assert.equal(status, 0);
    assert.equal(stdout, '2026-11-22 08:00:00  sign-in: ok\n2026-11-22 09:00:00  refused: ok origin="?[2J?"evil"??"\n');
    assert.match(stderr, /^lanyard: 11 lines of the agent's audit file are damaged\n$/);
    assert.equal(json().length, 2);
  });
});

test('what cannot be read is said', async () => {
  await withTrail(async ({ audit, file, folder }) => {
    await symlink('/etc/passwd', file('audit.jsonl'));
    const linked = audit();
    assert.equal(linked.status, 0);
    assert.match(linked.stderr, /audit file cannot be read/);
    await rm(join(folder, 'journal'), { recursive: true });
    const without = audit();
    assert.equal(without.status, 6);
    assert.match(without.stderr, /the journal in \S+\/journal cannot be read: No such file/);
    if (process.getuid() !== 0) { // root reads everything
      await mkdir(join(folder, 'journal'));
      await rm(file('audit.jsonl'));
      await writeFile(file('audit.jsonl'), entry('2026-11-22T08:00:00.000Z', 'sign-in'));
      await chmod(file('audit.jsonl'), 0);
      assert.match(audit().stderr, /audit file cannot be read: Permission denied/);
    }
  });
});
