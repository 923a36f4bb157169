// SPDX-License-Identifier: MIT
//
// The agent told to read its configuration again, by a service manager as by a signal: nobody is
// signed out, what is no longer allowed is cut off, a faulty configuration changes nothing, and what
// has to wait is said.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectPage } from '../sandbox/page-raw.mjs';
import { asService, atDesk, becomes, cardsIn, newChallenge, PIN, QUIET, refusedWith } from './keeper-rig.mjs';

const SECOND = 'https://second.example';
const OTHER = 'https://other.example';
const REFUSED = 'The last configuration is refused.';
const heard = (desk, pattern) => becomes(`the agent to say ${pattern}`, () => pattern.exec(desk.sandbox.agent.output),
  () => desk.sandbox.agent.output);

// An authority that has issued none of the sandbox's cards, as PEM.
const stranger = () => execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
  '-nodes', '-keyout', '/dev/null', '-subj', '/CN=stranger', '-days', '2'], { stdio: ['ignore', 'pipe', 'ignore'] });

// As atDesk, with the agent under a service manager; reload(settings) has it read those.
const atReloadingDesk = (settings, play) => atDesk({ settings: QUIET }, async (desk) => {
  const configure = async (text) => desk.configure(text);
  await configure(settings);
  const service = await asService(desk);
  await play(desk, async (text) => {
    if (text !== undefined) await configure(text);
    return service.reload();
  });
});

test('nobody is signed out by a reload', async () => {
  await atReloadingDesk(QUIET, async (desk, reload) => {
    const client = await desk.connect();
    const page = await connectPage(desk.sandbox, desk.origin);
    const { sid } = await desk.signIn(client);
    const asked = desk.pinentry.dialogues.length;
    assert.equal(await reload(`origin = ${SECOND}\n${QUIET}[cards]\npin-timeout = 60\n`), '');

    assert.equal((await desk.proves(client)).sid, sid);
    const challenge = newChallenge();
    const { proof } = await page.request('session.prove', { challenge, interaction: 'silent' });
    assert.equal((await desk.check(proof, { challenge })).sid, sid, 'on the connection that it had');
    assert.equal(desk.pinentry.dialogues.length, asked);
    assert.deepEqual(page.notifications.filter(({ params }) => params.state === 'ended'), []);
    assert.match(desk.sandbox.agent.output, /the configuration has been read again/);
  });
});

test('an origin that comes is let in, one that goes is cut off', async () => {
  await atReloadingDesk(`origin = ${SECOND}\n${QUIET}`, async (desk, reload) => {
    const client = await desk.connect();
    const { sid } = await desk.signIn(client);
    const stays = await connectPage(desk.sandbox, desk.origin);
    const goes = await connectPage(desk.sandbox, SECOND);
    await assert.rejects(connectPage(desk.sandbox, OTHER));
    const pending = goes.request('card.signIn', { challenge: newChallenge() });
    await desk.prompt(pending);

    assert.equal(await reload(`origin = ${OTHER}\n${QUIET}`), '');
    assert.equal(await goes.closed, 1001);
    await assert.rejects(pending);
    await desk.unasked();
    await assert.rejects(connectPage(desk.sandbox, SECOND));
    await refusedWith('not-allowed', desk.prove(client, { origin: SECOND }));
    const comes = await connectPage(desk.sandbox, OTHER);
    for (const page of [stays, comes])
      assert.ok((await page.request('session.prove', { challenge: newChallenge(), interaction: 'silent' })).proof);
    assert.equal((await desk.status(client)).sid, sid);
  });
});

test('what a program has asked for an origin that goes is cancelled', async () => {
  await atReloadingDesk(`${QUIET}[provider other]\norigin = ${OTHER}\n`, async (desk, reload) => {
    const client = await desk.connect();
    const pending = client.request('card.signIn', { challenge: newChallenge(), origin: OTHER });
    await desk.prompt(pending);
    assert.equal(await reload(QUIET), '');
    await refusedWith('cancelled', pending);
    await desk.unasked();
    await desk.worksAgain();
  });
});

test('a faulty configuration is refused as a whole, and its mistakes are told', async () => {
  await atReloadingDesk(`origin = ${SECOND}\n${QUIET}`, async (desk, reload) => {
    const client = await desk.connect();
    const page = await connectPage(desk.sandbox, SECOND);
    const { sid } = await desk.signIn(client);
    assert.equal(await reload(`${QUIET}[cards]\npin-timeuot = 60\n[agent]\nlog-level = loud\n`), REFUSED);
    const { output } = desk.sandbox.agent;
    assert.match(output, /lanyard\.conf:\d+: unknown key "pin-timeuot" in \[cards\]; did you mean "pin-timeout"\?/);
    assert.match(output, /lanyard\.conf:\d+: log-level is error, warning, info or debug, not "loud"/);
    assert.match(output, /the configuration is refused; the one before it stays in force/);
    assert.ok((await page.request('session.prove', { challenge: newChallenge(), interaction: 'silent' })).proof);

    await desk.configure(QUIET);
    const path = join(desk.sandbox.config, 'lanyard.conf');
    await chmod(path, 0o666);
    assert.equal(await reload(), REFUSED);
    assert.match(desk.sandbox.agent.output, /must belong to root and be writable by root alone/);
    await chmod(path, 0o600);
    assert.equal(await reload(), '');
    assert.equal(await page.closed, 1001);
    assert.equal((await desk.proves(client)).sid, sid);
  });
});

test('the authorities of cards are read again, too', async () => {
  await atReloadingDesk(QUIET, async (desk, reload) => {
    const client = await desk.connect();
    const issuers = join(desk.sandbox.config, 'issuers.pem');
    const good = await readFile(issuers);
    await writeFile(issuers, 'no certificate');
    assert.equal(await reload(), REFUSED);
    assert.match(desk.sandbox.agent.output, /issuers: .*issuers\.pem: holds no certificate in PEM$/m);
    await cardsIn(client, ([card]) => card?.certificates.some(({ chosen }) => chosen));

    await writeFile(issuers, stranger());
    assert.equal(await reload(), '');
    await cardsIn(client, ([card]) => card?.certificates.some(({ problem }) => problem === 'issuer-unknown'));
    await refusedWith('issuer-unknown', desk.begin(client));

    await writeFile(issuers, good);
    assert.equal(await reload(), '');
    await cardsIn(client, ([card]) => card?.certificates.some(({ chosen }) => chosen));
    await desk.worksAgain();
  });
});

test('a card that a revocation list has withdrawn is refused before its PIN', async () => {
  await atReloadingDesk(QUIET, async (desk, reload) => {
    const client = await desk.connect();
    await desk.puts(client, 'erin');
    await cardsIn(client, ([card]) => card?.certificates.some(({ chosen }) => chosen));
    const lists = join(desk.sandbox.config, 'revoked.pem');
    await writeFile(lists, await readFile(join(desk.sandbox.people.ca, 'sub.crl.pem')), { mode: 0o600 });
    assert.equal(await reload(`${QUIET}[cards]\nrevocation-lists = ${lists}\n`), '');
    await cardsIn(client, ([card]) => card?.certificates.some(({ problem }) => problem === 'certificate-revoked'));
    const asked = desk.pinentry.dialogues.length;
    await refusedWith('certificate-revoked', desk.begin(client));
    assert.equal(desk.pinentry.dialogues.length, asked);
    await desk.puts(client, 'bob');
    await desk.worksAgain();
  });
});

test('a session keeps the rules under which it began; the next has the new ones', async () => {
  await atReloadingDesk(QUIET, async (desk, reload) => {
    const client = await desk.connect();
    const first = await desk.signIn(client);
    assert.equal(await reload(`${QUIET}[session]\nmode = lock-persistence\n`), '');
    await desk.ctl('remove', 'reader-0');
    assert.equal((await desk.changed(client, 'ended')).cause, 'card-removed');
    await desk.over(first.sid);

    await desk.puts(client, 'bob');
    const second = await desk.signIn(client);
    await desk.ctl('remove', 'reader-0');
    await desk.changed(client, 'locked');
    assert.ok(desk.op.sessions.find(second.sid));
  });
});

test('a session at a provider that goes ends, and its end is told when the provider is back', async () => {
  const named = (name) => `${QUIET}[provider ${name}]\norigin = ${OTHER}\n`;
  await atReloadingDesk(named('other'), async (desk, reload) => {
    const client = await desk.connect();
    const { sid } = await desk.signIn(client);
    const path = join(desk.sandbox.config, 'lanyard.conf');
    const whole = desk.sandbox.settingsText;
    await writeFile(path, whole.replace('[provider sandbox]', '[provider another]').replace('@', QUIET), { mode: 0o600 });
    assert.equal(await reload(), '');
    await desk.changed(client, 'ended');
    await desk.reaches(client, 'none');
    assert.match(desk.sandbox.agent.output, /provider sandbox, or its endpoint, is no longer in the configuration/);
    assert.ok(desk.op.sessions.find(sid), 'nothing is sent for a provider that is not listed');
    assert.equal((await desk.ends()).length, 1);
    await refusedWith('interaction-required', desk.prove(client));

    assert.equal(await reload(QUIET), '');
    await desk.over(sid);
    await desk.nothingLeft();
  });
});

test('a reader that is ignored from now on is as if it were not there', async () => {
  await atReloadingDesk(QUIET, async (desk, reload) => {
    const client = await desk.connect();
    const { sid } = await desk.signIn(client);
    const [{ name }] = (await client.request('card.list')).readers;
    assert.equal(await reload(`${QUIET}[cards]\nignore-reader = ${name}\n`), '');
    await cardsIn(client, (cards) => cards.length === 0);
    assert.deepEqual((await client.request('card.list')).readers, []);
    await desk.over(sid);
    assert.equal(await reload(QUIET), '');
    await cardsIn(client, (cards) => cards.length === 1);
    await desk.worksAgain();
  });
});

test('what has to wait for the next start is said, and stays', async () => {
  await atReloadingDesk(QUIET, async (desk, reload) => {
    assert.equal(await reload(`${QUIET}[keys]\nenabled = no\n`), '');
    assert.match(desk.sandbox.agent.output, /lanyard\.conf:\d+: enabled changes when the agent is started again/);
  });
});

test('a user\'s own file is read, too, and costs nobody a sign-in', async () => {
  await atReloadingDesk(QUIET, async (desk, reload) => {
    const client = await desk.connect();
    const { sid } = await desk.signIn(client);
    const folder = join(desk.sandbox.environment.XDG_CONFIG_HOME, 'lanyard');
    const path = join(folder, 'lanyard.conf');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(path, `[agent]\nlog-level = debug\n[provider evil]\norigin = ${OTHER}\n`, { mode: 0o600 });
    assert.equal(await reload(), '');
    assert.ok(desk.sandbox.agent.output.includes(`${path}:3: [provider evil] is the administrator's to set`));
    await assert.rejects(connectPage(desk.sandbox, OTHER));
    assert.equal((await desk.proves(client)).sid, sid);
  });
});

test('a signal by hand does as well, and one in the middle of a reload is not lost', async () => {
  await atDesk({}, async (desk) => {
    const client = await desk.connect();
    const { sid } = await desk.signIn(client);
    await desk.configure(`origin = ${SECOND}\n${QUIET}`);
    for (let i = 0; i < 20; i++) process.kill(desk.sandbox.agent.pid, 'SIGHUP');
    await heard(desk, /the configuration has been read again/);
    await becomes('the second origin to be let in', () => connectPage(desk.sandbox, SECOND).catch(() => null));
    assert.equal((await desk.proves(client)).sid, sid);
    const answer = desk.prove(client, { interaction: 'force' });
    await (await desk.prompt(answer)).answer(PIN);
    assert.ok((await answer).proof);
  });
});
