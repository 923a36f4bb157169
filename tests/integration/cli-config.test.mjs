// SPDX-License-Identifier: MIT
//
// `lanyard config show` and `lanyard config check`: without an agent, on folders of their own, with
// exit statuses that a script can rely on.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { build } from '../sandbox/build.mjs';
import { makeFolder, removeFolder } from '../sandbox/folder.mjs';
import { issueAuthority } from '../sandbox/make-authority.mjs';

const root = await makeFolder('cli-config');
const home = join(root, 'home');
const users = join(home, 'lanyard/lanyard.conf');
const authority = issueAuthority('an authority').certificate.toString();
let folders = 0;
after(() => removeFolder(root));
mkdirSync(join(home, 'lanyard'), { recursive: true });

function lanyard(...args) {
  const { status, stdout, stderr } = spawnSync(join(build, 'bin/lanyard'), ['config', ...args], {
    encoding: 'utf8', env: { ...process.env, XDG_CONFIG_HOME: home, XDG_RUNTIME_DIR: root },
  });
  return { status, stdout, stderr };
}

// A configuration of its own: its folder.
function configured(files) {
  const folder = join(root, `etc-${++folders}`);
  mkdirSync(join(folder, 'conf.d'), { recursive: true, mode: 0o755 });
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o644);
  }
  return folder;
}

function withUsers(text, mode = 0o600) {
  writeFileSync(users, text);
  chmodSync(users, mode);
  return users;
}

const valueOf = (shown, key, provider = null) =>
  shown.values.filter((each) => each.provider === provider && `${each.section}.${each.key}` === key);

test('every value is shown with where it is from', () => {
  const etc = configured({
    'lanyard.conf': '[cards]\nignore-reader = Reader A\n[provider care]\nenvironment = dev\n',
    'conf.d/10-site.conf': '[agent]\nlog-level = warning\n[provider care]\norigin = https://login.example\n',
  });
  withUsers('[agent]\nlog-level = debug\n[cards]\nignore-reader = Reader B\n');
  const { status, stdout, stderr } = lanyard('show', '--config', etc);
  assert.equal(status, 0, stderr);
  const line = (text, place) => assert.ok(
    stdout.split('\n').some((each) => each.replace(/ +/g, ' ') === `${text} ; ${place}`), `${text}\n${stdout}`);
  line('log-level = debug', `${users}:2`);
  line('ignore-reader = Reader A', `${etc}/lanyard.conf:2`);
  line('ignore-reader = Reader B', `${users}:4`);
  line('pin-timeout = 120', 'default');
  line('environment = dev', `${etc}/lanyard.conf:4`);
  line('origin = https://login.example', `${etc}/conf.d/10-site.conf:4`);
  line('origin = https://am.nhsdev.auth-ptl.cis2.spineservices.nhs.uk', 'environment dev');
  assert.match(stdout, /\[provider care\]\n; not live: for development\n/);
  assert.match(stderr, /^Development origins are enabled: provider care is not live\.$/m);

  // What is shown is a configuration, and the same one.
  const again = configured({ 'lanyard.conf': stdout });
  const values = (folder, ...more) => JSON.parse(lanyard('show', '--json', '--config', folder, ...more).stdout)
    .values.map(({ section, key, value, provider }) => [section, provider, key, value]);
  assert.deepEqual(values(again, '--user-config', ''), values(etc));
});

test('as JSON it says who has set a value, whether users may, and when a change is obeyed', () => {
  const etc = configured({ 'lanyard.conf': '[user]\nlock = cards.pin-timeout\n[provider care]\nenvironment = live\n'
    + '[provider here]\norigin = http://127.0.0.1:8080\n' });
  withUsers('[agent]\nlog-level = error\n[cards]\npin-timeout = 30\n');
  const { status, stdout } = lanyard('show', '--json', '--config', etc);
  assert.equal(status, 0);
  const shown = JSON.parse(stdout);
  assert.deepEqual(valueOf(shown, 'agent.log-level'), [{ section: 'agent', provider: null, key: 'log-level',
    value: 'error', by: 'user', place: `${users}:2`, obeyed: 'at-once', user: true }]);
  const [timeout] = valueOf(shown, 'cards.pin-timeout');
  assert.deepEqual([timeout.value, timeout.by, timeout.place], ['120', 'default', 'default']);
  assert.equal(valueOf(shown, 'user.lock')[0].by, 'administrator');
  assert.equal(valueOf(shown, 'provider.issuer', 'care')[0].by, 'environment');
  assert.deepEqual(valueOf(shown, 'cards.module')[0].obeyed, 'next-start');
  assert.deepEqual(valueOf(shown, 'session.mode')[0].obeyed, 'next-session');
  assert.deepEqual(valueOf(shown, 'cards.ignore-reader').map(({ value }) => value), [null]);
  assert.deepEqual(shown.providers, [{ name: 'care', environment: 'live', development: false },
    { name: 'here', environment: '', development: true }]);
  assert.deepEqual(shown.problems, []);
  assert.equal(shown.warnings.length, 1);
  assert.equal(shown.warnings[0],
    `${users}:4: pin-timeout is locked by the administrator (${etc}/lanyard.conf:2)`);
});

test('a user\'s lines that are left out are told, and nothing else is lost', () => {
  const etc = configured({ 'lanyard.conf': '' });
  withUsers('[provider evil]\norigin = https://evil.example\n[cards]\nmodule = /evil.so\npin-timeout = 45\n');
  const { status, stdout, stderr } = lanyard('show', '--config', etc);
  assert.equal(status, 0);
  assert.doesNotMatch(stdout, /evil/);
  assert.match(stdout, /^pin-timeout = 45 /m);
  assert.ok(stderr.includes(`warning: ${users}:1: [provider evil] is the administrator's to set\n`));
  assert.ok(stderr.includes(`warning: ${users}:4: module is the administrator's to set\n`));
  withUsers('[cards]\npin-timeout = 45\n', 0o666);
  const open = lanyard('show', '--config', etc);
  assert.match(open.stdout, /^pin-timeout = 120 .*default$/m);
  assert.match(open.stderr, /must belong to you and be writable by you alone/);
  withUsers('');
});

test('a configuration with mistakes is not shown: they are', () => {
  const etc = configured({ 'lanyard.conf': '[agent]\nlog-levle = info\n' });
  const { status, stdout, stderr } = lanyard('show', '--config', etc);
  assert.deepEqual([status, stdout], [6, '']);
  assert.equal(stderr, `${etc}/lanyard.conf:2: unknown key "log-levle" in [agent]; did you mean "log-level"?\n`);
  const json = lanyard('show', '--json', '--config', etc);
  assert.equal(json.status, 6);
  assert.deepEqual(JSON.parse(json.stdout), { problems: [stderr.trimEnd()], warnings: [] });
});

test('check names every mistake of a folder by file and line', () => {
  const etc = configured({
    'lanyard.conf': '[cards]\npin-timeout = 5\nmodul = /x.so\n[provider a]\nenvironment = prod\norigin = https://A.example\n',
    'conf.d/10.conf': '[sesion]\nmode = normal\n[session]\nmode = mobilty\n',
  });
  const { status, stdout } = lanyard('check', etc);
  assert.equal(status, 6);
  assert.deepEqual(stdout.trimEnd().split('\n').map((line) => line.replace(`${etc}/`, '')), [
    'lanyard.conf:2: pin-timeout is a number of seconds from 10 to 600, not "5"',
    'lanyard.conf:3: unknown key "modul" in [cards]; did you mean "module"?',
    'lanyard.conf:5: environment is live, dep, int, dev, training or sandbox, not "prod"',
    'lanyard.conf:6: "https://A.example" is not an origin as browsers write it: https://host or '
      + 'https://host:port in lower case, with nothing behind it',
    'conf.d/10.conf:1: unknown section [sesion]; did you mean [session]?',
    'conf.d/10.conf:4: mode is normal, enhanced-normal, lock-persistence or mobility, not "mobilty"',
  ]);
  const json = JSON.parse(lanyard('check', '--json', etc).stdout);
  assert.equal(json.right, false);
  assert.equal(json.problems.length, 6);
});

test('a configuration without a provider is right, and it is told that nobody can sign in', () => {
  const etc = configured({ 'lanyard.conf': '[agent]\nlog-level = info\n' });
  const { status, stdout, stderr } = lanyard('check', etc);
  assert.deepEqual([status, stdout], [0, '']);
  assert.equal(stderr, `warning: no provider is configured, so nobody can sign in\n${etc}: no mistakes\n`);
  const json = JSON.parse(lanyard('check', '--json', etc).stdout);
  assert.deepEqual(json, { right: true, problems: [], warnings: ['no provider is configured, so nobody can sign in'] });
  assert.doesNotMatch(lanyard('check', join(etc, 'lanyard.conf')).stderr, /no provider/); // another file may have it
  const provided = configured({ 'lanyard.conf': '[provider a]\norigin = https://a.example\n' });
  assert.doesNotMatch(lanyard('check', provided).stderr, /no provider/);
});

test('a key that is given twice is told with both of its places', () => {
  const etc = configured({ 'lanyard.conf': '[session]\ngrace = 5\n', 'conf.d/a.conf': '[session]\ngrace = 6\n[cards]\nmodule = /a\nmodule = /a\n' });
  assert.deepEqual(lanyard('check', etc).stdout.trimEnd().split('\n'), [
    `${etc}/conf.d/a.conf:2: grace is given twice (first in ${etc}/lanyard.conf:2)`,
    `${etc}/conf.d/a.conf:5: module /a is given twice (first in ${etc}/conf.d/a.conf:4)`,
  ]);
});

test('check of a folder looks at who may write it, and at what it names', () => {
  const etc = configured({ 'lanyard.conf': '', 'conf.d/a.conf': '' });
  const right = lanyard('check', etc);
  assert.deepEqual([right.status, right.stdout], [0, '']);
  assert.match(right.stderr, /no mistakes$/m);
  assert.deepEqual(JSON.parse(lanyard('check', '--json', etc).stdout).right, true);

  chmodSync(join(etc, 'conf.d/a.conf'), 0o664);
  const open = lanyard('check', etc);
  assert.equal(open.status, 6);
  assert.equal(open.stdout, `${etc}/conf.d/a.conf: must belong to root and be writable by root alone\n`);
  chmodSync(join(etc, 'conf.d/a.conf'), 0o644);
  symlinkSync('/dev/null', join(etc, 'conf.d/b.conf'));
  assert.match(lanyard('check', etc).stdout, /b\.conf: is a symbolic link/);

  const names = configured({ 'lanyard.conf': `[cards]\nissuers = ${etc}/none.pem\n` });
  assert.match(lanyard('check', names).stdout, /lanyard\.conf:2: issuers: .*none\.pem: there is no such file/);
  const alone = configured({ 'lanyard.conf': `[cards]\nrevocation-lists = ${etc}/none.pem\n` });
  assert.match(lanyard('check', alone).stdout, /lanyard\.conf:2: revocation-lists needs issuers/);
  writeFileSync(join(etc, 'none.pem'), 'not a certificate');
  chmodSync(join(etc, 'none.pem'), 0o644);
  const unreadable = lanyard('check', names);
  assert.equal(unreadable.status, 6);
  assert.equal(unreadable.stdout, `${names}/lanyard.conf:2: issuers: ${etc}/none.pem: holds no certificate in PEM\n`);
});

test('what is wrong with a file of certificates or lists is said in one sentence, and nothing beside it', () => {
  const etc = configured({ 'lanyard.conf': '', 'none.pem': 'text', 'good.pem': authority,
    'cut.pem': authority.slice(0, -60), 'list.pem': authority.replaceAll('CERTIFICATE', 'X509 CRL') });
  const said = (lines) => {
    writeFileSync(join(etc, 'lanyard.conf'), `[cards]\n${lines}\n`.replaceAll(/= (?=\w+\.pem)/g, `= ${etc}/`));
    const { status, stdout, stderr } = lanyard('check', etc);
    assert.deepEqual([status, stderr], [6, '']);
    return stdout.replaceAll(`${etc}/`, '');
  };
  assert.equal(said('issuers = none.pem'), 'lanyard.conf:2: issuers: none.pem: holds no certificate in PEM\n');
  assert.equal(said('issuers = cut.pem'),
    'lanyard.conf:2: issuers: cut.pem: holds a certificate that cannot be read\n');
  assert.equal(said('issuers = good.pem\nrevocation-lists = good.pem'),
    'lanyard.conf:3: revocation-lists: good.pem: holds no revocation list in PEM\n');
  assert.equal(said('issuers = good.pem\nrevocation-lists = list.pem'),
    'lanyard.conf:3: revocation-lists: list.pem: holds a revocation list that cannot be read\n');
  const provider = (name, file) => `[provider ${name}]\norigin = https://${name}.example\nauthorities = ${file}`;
  assert.equal(said(`${provider('a', 'good.pem')}\n${provider('b', 'none.pem')}\n${provider('c', 'cut.pem')}`),
    'lanyard.conf:7: authorities: none.pem: holds no certificate in PEM\n'
    + 'lanyard.conf:10: authorities: cut.pem: holds a certificate that cannot be read\n');
});

test('check of a folder tells what lies in conf.d and is not read', () => {
  const provider = '[provider a]\norigin = https://a.example\n';
  const etc = configured({ 'conf.d/a.conf': provider, 'conf.d/b.ini': '[provider b]\n', 'conf.d/.c': '' });
  const { status, stdout, stderr } = lanyard('check', etc);
  assert.deepEqual([status, stdout], [0, '']);
  assert.equal(stderr, `warning: ${etc}/conf.d/b.ini: is not read: its name does not end in .conf\n${etc}: no mistakes\n`);
});

test('check of a folder that is no configuration says so, whatever is in it', () => {
  const etc = configured({ 'conf.d/a.conf': '[agnt]\n[provder]\n' });
  const folder = join(etc, 'conf.d');
  const refusal = `${folder}: holds neither lanyard.conf nor conf.d; name the folder that does`;
  const { status, stdout, stderr } = lanyard('check', folder);
  assert.deepEqual([status, stdout, stderr], [6, `${refusal}\n`, '']);
  assert.deepEqual(JSON.parse(lanyard('check', '--json', folder).stdout),
    { right: false, problems: [refusal], warnings: [] });
  assert.match(lanyard('check', etc).stdout, /^.*a\.conf:1: unknown section \[agnt\]/);
});

test('check of a file looks at what it says alone', () => {
  const etc = configured({ 'draft.conf': `[cards]\nissuers = ${root}/to-come.pem\n[provider a]\nenvironment = int\n` });
  const draft = join(etc, 'draft.conf');
  chmodSync(draft, 0o666);
  const drafted = lanyard('check', draft);
  assert.deepEqual([drafted.status, drafted.stdout], [0, '']);
  assert.equal(drafted.stderr, `${draft}: no mistakes in its lines; lanyard config check looks at the rest\n`);
  writeFileSync(draft, '[provider a]\nenvironment = dep\n');
  const { status, stdout } = lanyard('check', draft);
  assert.equal(status, 6);
  assert.equal(stdout, `${draft}:1: [provider a] has no origin, and none of environment dep is known\n`);
  const nowhere = lanyard('check', join(root, 'nowhere'));
  assert.deepEqual([nowhere.status, nowhere.stdout], [6, `${root}/nowhere: there is no such file or folder\n`]);
  assert.equal(lanyard('check', '/dev/null').status, 0);
  writeFileSync(draft, '# '.repeat(200000));
  assert.match(lanyard('check', draft).stdout, /longer than \d+ bytes/);
});

test('a user\'s own file is checked as such', () => {
  withUsers('[agent]\nlog-level = debug\n');
  assert.equal(lanyard('check', users).status, 0);
  withUsers('[agent]\nlog-level = debug\n[door]\nbroker-socket = /tmp/x\n');
  const { status, stdout } = lanyard('check', users);
  assert.equal(status, 6);
  assert.equal(stdout, `${users}:4: broker-socket is the administrator's to set\n`);
  withUsers('');
});

test('check without a path finds the mistakes in the user\'s own file, too', () => {
  withUsers('[agent]\nlog-level = debug\n[agnt]\n');
  const wrong = `${users}:3: unknown section [agnt]; did you mean [agent]?`;
  const { status, stdout, stderr } = lanyard('check');
  assert.deepEqual([status, stdout], [6, `${wrong}\n`]);
  assert.doesNotMatch(stderr, /no mistakes/);
  const json = lanyard('check', '--json');
  assert.equal(json.status, 6);
  assert.deepEqual([JSON.parse(json.stdout).right, JSON.parse(json.stdout).problems], [false, [wrong]]);
  const etc = configured({ 'lanyard.conf': '' });
  assert.equal(lanyard('check', etc).status, 0); // somebody else's folder
  withUsers('[agent]\nlog-level = debug\n', 0o666);
  assert.equal(lanyard('check').status, 6);
  withUsers('');
  assert.equal(lanyard('check').status, 0);
});

test('the example that is installed is right, as it is and with everything in it', () => {
  const example = join(build, 'lanyard.conf.example');
  assert.equal(lanyard('check', example).status, 0);
  const whole = readFileSync(example, 'utf8').replace(/^#(?! )/gm, '');
  const etc = configured({ 'whole.conf': whole });
  const { status, stdout } = lanyard('check', join(etc, 'whole.conf'));
  assert.deepEqual([status, stdout], [0, '']);
});

test('what makes no sense is refused', () => {
  for (const args of [[], ['print'], ['show', 'x'], ['check', 'a', 'b'], ['show', '--socket', '/x'],
    ['check', '--config', '/x'], ['show', '--timeout', '5']]) {
    const { status, stdout, stderr } = lanyard(...args);
    assert.deepEqual([status, stdout], [2, ''], args.join(' '));
    assert.match(stderr, /^lanyard: .*; see lanyard --help$/m);
  }
});
