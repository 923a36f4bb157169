// SPDX-License-Identifier: MIT
//
// The AppArmor profiles: read by AppArmor's own parser everywhere, enforced where the kernel has
// AppArmor and this is root. real-kernel/run brings such a kernel.

import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { build, built } from '../sandbox/build.mjs';
import { connectNative } from '../sandbox/native.mjs';
import { run, start } from '../sandbox/processes.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { enforceProfiles, label, PARSER, profiles } from './apparmor-rig.mjs';
import { cardsIn, inSandbox, signInWatched } from './card-rig.mjs';
import { processBelow, readable } from './processes.mjs';

const noParser = !PARSER && 'AppArmor\'s parser is not installed: tests/install';
const noKernel = noParser
  || (readable('/sys/module/apparmor/parameters/enabled').toString().trim() !== 'Y' && 'this kernel has no AppArmor')
  || (process.getuid() !== 0 && 'profiles are loaded by root alone')
  || (/^LANYARD_(SANITIZE:STRING=.+|COVERAGE:BOOL=ON)$/m.test(await readFile(join(build, 'CMakeCache.txt'), 'utf8'))
    && 'a sanitiser\'s runtime does what no profile allows');

test('the profiles can be read, and there is one for each program but the prompt', { skip: noParser }, async () => {
  const named = await run(PARSER, ['--names', profiles]);
  for (const name of ['agent', 'broker', 'card', 'chooser', 'doctor', 'fido']) assert.match(named, new RegExp(`^lanyard_${name}$`, 'm'));
  await run(PARSER, ['--skip-kernel-load', '--skip-cache', profiles]);
});

test('a sign-in goes through with the profiles enforced', { skip: noKernel }, async () => {
  const { prefix, remove } = await enforceProfiles();
  try {
    await inSandbox({}, (world) => signInWatched(world, ({ sandbox }) => {
      assert.equal(label(sandbox.agent.pid), `${prefix}_agent (enforce)`);
      assert.equal(label(sandbox.broker.pid), `${prefix}_broker (enforce)`);
      assert.equal(label(processBelow(sandbox.agent.pid, 'lanyard-card')),
        `${prefix}_agent//&${prefix}_card (enforce)`);
    }));
  } finally {
    await remove();
  }
});

// Of a person's, below the home: what no card's software has any business with, and what it has.
const PRIVATE = ['.ssh/id_ed25519', '.gnupg/private-keys-v1.d/key', '.netrc', '.password-store/bank.gpg', '.Xauthority',
  '.mozilla/firefox/x/key4.db', '.config/google-chrome/Default/Cookies', '.config/microsoft-edge/Default/Cookies',
  '.config/chromium-beta/Default/Cookies', '.config/lanyard/lanyard.conf', '.local/share/keyrings/login.keyring',
  'snap/firefox/common/.mozilla/firefox/x/key4.db', '.var/app/org.chromium.Chromium/config/x', 'Documents/letter.odt'];
const CARDS = ['.config/opensc/opensc.conf', '.config/pkcs11/modules/x.module', '.config/softhsm2/softhsm2.conf',
  '.cache/opensc/x', '.eid/cache/x', '.safesign/x', '.eToken.conf'];

// All that is tried, as "WHAT PATH NUMBER", and the files of it that are made first.
function tries(base) {
  const name = basename(base);
  const home = (path) => join(base, 'person', path);
  const sockets = [`ssh-${name}/agent.1`, `tmux-${name}/default`, `.X11-unix-${name}/X0`, `dbus-${name}`, `${name}.sock`,
    `.java_pid${name}`, `krb5cc_${name}`, `xauth_${name}`].flatMap((each) => [join('/tmp', each), join('/var/tmp', each)]);
  const shared = [`/tmp/${name}.lock`, `/var/tmp/${name}.lock`, `/dev/shm/sem.${name}`];
  const each = (what, paths, number) => paths.map((path) => `${what} ${path} ${number}`);
  return {
    files: [...PRIVATE.map(home), ...CARDS.map(home), ...sockets],
    made: [...sockets, ...shared],
    lines: [
      ...each('read', PRIVATE.map(home), constants.errno.EACCES),
      ...each('write', sockets, constants.errno.EACCES),
      ...each('read', ['/etc/passwd', '/proc/self/status', ...CARDS.map(home)], 0),
      ...each('write', shared, 0),
    ],
  };
}

async function withProwler(play) {
  // Not where the test's own exceptions are.
  const base = await mkdtemp('/tmp/prowler-');
  const { files, made, lines } = tries(base);
  const sandbox = await startSandbox({ web: false, card: null, agent: false });
  try {
    for (const file of files) {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, '');
    }
    const path = (name) => join(sandbox.directory, name);
    const settings = join(sandbox.config, 'lanyard.conf');
    const text = await readFile(settings, 'utf8');
    await writeFile(settings, text.replace(/^issuers = .*$/m, `module = ${path('fake-prowler.so')}`), { mode: 0o600 });
    await copyFile(await built('fake-prowler.so'), path('fake-prowler.so'));
    await writeFile(path('fake-prowler.so.env'), `FAKE_PKCS11_TRIES=${path('tries')}\nFAKE_PKCS11_REPORT=${path('report')}\n`);
    await writeFile(path('tries'), lines.map((line) => `${line.replace(/ \d+$/, '')}\n`).join(''));
    // What the module that was loaded meanwhile tells: [its label, how each went].
    const report = async () => {
      const [first, ...rest] = (await readFile(path('report'), 'utf8')).trim().split('\n');
      await rm(path('report'));
      return [first.replace(/^label /, ''), rest];
    };
    await play({ sandbox, base, lines, report });
  } finally {
    await sandbox.close();
    for (const file of made) await rm(dirname(file).endsWith('tmp') || dirname(file) === '/dev/shm' ? file : dirname(file), { recursive: true, force: true });
    await rm(base, { recursive: true, force: true });
  }
}

test('a card\'s software reaches nothing of the person\'s, whoever has started it', { skip: noKernel }, async () => {
  await withProwler(async ({ sandbox, base, lines, report }) => {
    const { prefix, remove } = await enforceProfiles({ as: 'lanyard_prowler', homes: base });
    try {
      const doctor = await start(await built('lanyard-doctor'),
        ['--json', '--config', sandbox.config, '--helpers', join(build, 'bin')], { env: sandbox.environment });
      await doctor.ended;
      const [ofDoctor, seenByDoctor] = await report();
      assert.equal(ofDoctor, `${prefix}_card//&${prefix}_doctor (enforce)`);
      assert.deepEqual(seenByDoctor, lines);

      await sandbox.startAgent();
      const agent = await connectNative(sandbox);
      await agent.request('agent.subscribe');
      await cardsIn(agent, (cards) => cards.length > 0);
      const [ofAgent, seenByAgent] = await report();
      assert.equal(ofAgent, `${prefix}_agent//&${prefix}_card (enforce)`);
      assert.deepEqual(seenByAgent, lines);
    } finally {
      await sandbox.close();
      await remove();
    }
  });
});
