// SPDX-License-Identifier: MIT
//
// What `lanyard doctor --bundle` writes for the service desk. Somebody signs in for real, with a PIN
// that occurs nowhere else; then things that must not leave the computer are put everywhere from
// which the archive takes something: journal, audit, configuration, policies, environment. None of
// them is in it.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from '../sandbox/build.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';

const bin = join(build, 'bin');
const lanyard = join(bin, 'lanyard');
const REMOTE = '/lib/systemd/systemd-journal-remote';
const PIN = '73194682';
const PASSWORD = 'Kestrel-und-Ginster';
const GROUPED = '73-19-46-82';
const NAMES = ['Alice', 'Adams'];

// A journal in which lanyardd has said these lines.
function writeJournal(folder, lines) {
  mkdirSync(folder);
  const text = lines.map((line, i) => [
    `__REALTIME_TIMESTAMP=${1790000000000000 + i}`, `__MONOTONIC_TIMESTAMP=${1000 + i}`,
    `_BOOT_ID=${'0123456789abcdef'.repeat(2)}`, `_UID=${process.getuid()}`, '_COMM=lanyardd', '_PID=4711',
    'SYSLOG_IDENTIFIER=lanyardd', `MESSAGE=${line}`, '', '',
  ].join('\n')).join('');
  const made = spawnSync(REMOTE, ['-o', join(folder, 'test.journal'), '-'], { input: text, encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
}

async function run(env, ...args) {
  const child = spawn(lanyard, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => { said += chunk; });
  child.stderr.setEncoding('utf8').on('data', (chunk) => { said += chunk; });
  const [code] = await inTime(once(child, 'close'), `lanyard ${args.join(' ')}`, () => said);
  return { code, said };
}

test('an archive for the service desk has nothing in it that is secret', async () => {
  const sandbox = await startSandbox({ card: 'alice', settings: `# password = ${PASSWORD}\n` });
  try {
    const env = { ...process.env, ...sandbox.environment, HOME: sandbox.directory, LANYARD_CANARY: PASSWORD };
    await sandbox.ctl('pin', 'alice', PIN);

    // signed in, and a token in hand
    const signing = run(env, 'sign-in');
    let next = sandbox.pinentry.next();
    for (let dialogue; (dialogue = await Promise.race([next, signing.then(() => null)])); next = sandbox.pinentry.next())
      dialogue.answer(PIN);
    const signed = await signing;
    assert.equal(signed.code, 0, signed.said);
    const tokens = run(env, 'sign-in', '--origin', sandbox.op.origin, '--json');
    (await next).answer(PIN);
    const { token } = JSON.parse(/\{.*\}/.exec((await tokens).said)[0]);
    const session = JSON.parse((await run(env, 'session', '--json')).said);
    assert.match(session.name, /Adams/);

    // what a journal never has, and yet
    const certificate = readFileSync(join(sandbox.people.cards, 'alice/9a.cert.pem'), 'utf8');
    const body = certificate.split('\n').slice(1, -2);
    const planted = [
      `${session.name} has signed in`, `card CN=${session.uid},OU=people,O=nhs of ${NAMES[0]}`, `pin=${PIN} was typed`, `said ${PIN}`,
      `password: ${PASSWORD}`, `token ${token}`, `sid ${session.sid} is live`, body.join(''),
      `password: a,${PASSWORD};b`, `{"password": "a\\"${PASSWORD},b"}`, `no proxy at http://me:${PASSWORD}@proxy:8080`,
      `the PIN is ${GROUPED}`, `GN=${NAMES[0]}'${PASSWORD}, SN=x`, 'kept: this line is whole',
    ];
    const journal = join(sandbox.directory, 'journal');
    if (existsSync(REMOTE)) writeJournal(journal, planted);
    else mkdirSync(journal);
    const audit = join(sandbox.directory, 'state/lanyard');
    mkdirSync(audit, { recursive: true, mode: 0o700 });
    appendFileSync(join(audit, 'audit.jsonl'), planted.map((line) => `${JSON.stringify({ LANYARD_EVENT: 'sign-in', LANYARD_NOTE: line })}\n`).join(''));
    appendFileSync(join(audit, 'audit.jsonl'), certificate);
    const root = join(sandbox.directory, 'root');
    mkdirSync(join(root, 'etc/chromium/policies/managed'), { recursive: true });
    mkdirSync(join(root, 'usr/bin'), { recursive: true });
    writeFileSync(join(root, 'usr/bin/chromium'), '');
    writeFileSync(join(root, 'etc/chromium/policies/managed/all.json'),
      JSON.stringify({ LoopbackNetworkAllowedForUrls: ['https://kept.example'], ProxySettings: { ProxyServer: `http://me:${PASSWORD}@proxy` } }));
    writeFileSync(join(sandbox.directory, 'user.conf'), `# ${PASSWORD}\n`, { mode: 0o600 });

    const file = join(sandbox.directory, 'bundle.tar');
    const words = ['doctor', '--helpers', bin, '--root', root, '--config', sandbox.config, '--user-config', join(sandbox.directory, 'user.conf'),
      '--journal', journal, '--bundle', file];
    const made = await run(env, ...words);
    assert.ok(existsSync(file), made.said);
    assert.equal(statSync(file).mode & 0o777, 0o600);

    const names = execFileSync('tar', ['-tf', file], { encoding: 'utf8' }).trim().split('\n');
    const wanted = ['doctor.json', 'config.txt', 'policies.json', 'units-user.txt', 'units-system.txt', 'journal.txt', 'audit.jsonl'];
    assert.deepEqual(names, wanted.map((name) => `lanyard-doctor/${name}`));
    const all = execFileSync('tar', ['-xOf', file], { encoding: 'utf8' });
    const pieces = [PIN, GROUPED, PASSWORD, ...NAMES, session.sid, session.uid, ...token.split('.'), ...body.map((line) => line.slice(0, 24))];
    for (const secret of pieces) assert.ok(!all.toLowerCase().includes(secret.toLowerCase()), `${secret} is in\n${all}`);
    for (const form of ['hex', 'base64']) assert.ok(!all.includes(Buffer.from(PIN).toString(form)), form);

    // and what helps is
    const part = (name) => execFileSync('tar', ['-xOf', file, `lanyard-doctor/${name}`], { encoding: 'utf8' });
    const doctor = JSON.parse(part('doctor.json'));
    assert.ok(doctor.versions.lanyard);
    assert.equal(doctor.checks[0].fact, '1 origin may ask');
    for (const { check } of doctor.checks) assert.match(check, /^[a-z]/, 'its name is nobody\'s');
    assert.ok(part('config.txt').includes(`origin = ${sandbox.op.origin}`));
    assert.ok(part('policies.json').includes('https://kept.example'));
    assert.ok(part('audit.jsonl').includes('kept: this line is whole'));
    if (existsSync(REMOTE)) assert.ok(part('journal.txt').includes('kept: this line is whole'), part('journal.txt'));

    // Of files that cannot be used their lines are told, and what a finding is about.
    const wrong = join(sandbox.directory, 'wrong');
    mkdirSync(join(wrong, 'conf.d'), { recursive: true });
    writeFileSync(join(wrong, 'lanyard.conf'), `# ${NAMES[0]}\n[cards]\nmodul = /x.so\npassword = ${PASSWORD}\n`, { mode: 0o600 });
    writeFileSync(join(wrong, 'conf.d/more.conf'), '[cards]\nmodule = /kept.so\n', { mode: 0o600 });
    const unusable = join(sandbox.directory, 'unusable.tar');
    await run({ ...env, XDG_RUNTIME_DIR: '' }, ...words.map((word) => (word === sandbox.config ? wrong : word)).slice(0, -1), unusable);
    const from = (name) => execFileSync('tar', ['-xOf', unusable, `lanyard-doctor/${name}`], { encoding: 'utf8' });
    assert.match(from('config.txt'), /lanyard\.conf:3: modul = \/x\.so$/m);
    assert.match(from('config.txt'), /more\.conf:2: module = \/kept\.so$/m);
    assert.ok(!from('config.txt').includes(PASSWORD) && !from('config.txt').includes(NAMES[0]), from('config.txt'));
    assert.ok(JSON.parse(from('doctor.json')).findings.some(({ subject }) => subject === 'XDG_RUNTIME_DIR'), from('doctor.json'));

    // Of a long audit file the end is taken, and no half of a line.
    const half = `{"LANYARD_NOTE":"password: `;
    writeFileSync(join(audit, 'audit.jsonl'), `${half}${PASSWORD}"}\n`);
    appendFileSync(join(audit, 'audit.jsonl'), `{"kept":"${'. '.repeat((512 * 1024 - PASSWORD.length - 16) / 2)}`.padEnd(512 * 1024 - PASSWORD.length - 6, '.') + '"}\n');
    assert.equal(statSync(join(audit, 'audit.jsonl')).size - half.length, 512 * 1024);
    const second = join(sandbox.directory, 'second.tar');
    await run(env, ...words.slice(0, -1), second);
    const end = execFileSync('tar', ['-xOf', second, 'lanyard-doctor/audit.jsonl'], { encoding: 'utf8' });
    assert.ok(end.startsWith('{"kept":"'), end.slice(0, 100));

    // Nothing is written over.
    const again = await run(env, ...words);
    assert.match(again.said, /bundle\.tar: File exists; name another file, or delete it$/m);
    assert.equal(again.code, 1);
  } finally {
    await sandbox.close();
  }
});
