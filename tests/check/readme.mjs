// SPDX-License-Identifier: MIT
// README.md and lanyard.conf(5) hold what they promise to somebody who copies from them: each command
// of a block is run by a test, or is in the list of those that none can run; each word and option of `lanyard` exists;
// an agent would start with each sample configuration; each sample of a page is JavaScript that finds
// what it imports; links, and what is named by its installed place, are there. The samples in C and
// for CMake are built by tests/check/installed.
//   node readme.mjs LANYARD PAGE      the program, and lanyard.conf.5 as the build made it
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { complaints, projectRoot, text } from './tree.mjs';

const [program, page] = process.argv.slice(2);
const wrong = complaints('readme');

const DEMO = 'tests/integration/journey-demo.test.mjs';
const INSIDE = 'tests/packages/inside';
const BY_DEB = 'tests/packages/by-deb';
const CLI = 'tests/integration/cli.test.mjs';
// Command, the file that runs it or all that it does, and the words by which that file does.
const RUN_BY = [
  ['./tests/demo', DEMO, "join(sandbox, 'demo.mjs')"],
  ['./tests/demo --script', DEMO, '--script'],
  ['./tests/run', '.ci/run', './tests/run'],
  ['./tests/install', 'tests/run', './tests/install'],
  ['cmake --preset release', 'tests/packages/build', 'cmake --preset release'],
  ['cmake --build --preset release --target package', 'tests/packages/build', '--target package'],
  ['sudo apt install ./lanyard_*.deb ./liblanyard0_*.deb pcscd opensc-pkcs11', BY_DEB, 'packages install /check/{lanyard,liblanyard0}_1_amd64.deb pcscd opensc-pkcs11'],
  ['sudo apt install ./build/release/packages/{lanyard,liblanyard0}_*.deb', BY_DEB, '/check/*_2_amd64.deb'],
  ['sudo apt install ./lanyard-sandbox_*.deb', BY_DEB, 'packages install /check/lanyard-sandbox_1_amd64.deb'],
  ['sudo apt install ./liblanyard-dev_*.deb', 'tests/packages/contents', 'lanyard liblanyard0 liblanyard-dev'],
  ['sudo apt remove lanyard', BY_DEB, 'packages remove'],
  ['sudo apt purge lanyard', BY_DEB, 'packages purge'],
  ['sudo /usr/share/lanyard/browser-policies/apply install', 'packaging/deb/lanyard.postinst.in', '/usr/share/lanyard/browser-policies/apply install'],
  ['lanyard config check && lanyard doctor', INSIDE, 'lanyard config check'],
  ['systemctl --user reload lanyardd.service', INSIDE, 'of person reload lanyardd.service'],
  ['pkill -HUP -x lanyardd', INSIDE, 'pkill -HUP -x lanyardd'],
  ['lanyard sign-in --origin https://login.example.nhs.uk', CLI, "'--origin'"],
  ['lanyard readers', CLI, "'readers'"],
  ['lanyard cards', CLI, "'cards'"],
  ['lanyard keys', 'tests/integration/cli-keys.test.mjs', "lanyard('keys')"],
  ['lanyard doctor', 'tests/integration/doctor.test.mjs', 'doctor'],
  ['lanyard doctor --bundle lanyard.tar', 'tests/integration/doctor-bundle.test.mjs', "'--bundle', file"],
  ['lanyard open', 'tests/integration/status-page.test.mjs', "'open'"],
  ['lanyard audit --since today --event refused', 'tests/integration/cli-audit.test.mjs', "'--since'"],
  ['lanyard pin change', 'tests/integration/cli-pin.test.mjs', "'change'"],
  ['lanyard pin unblock', 'tests/integration/cli-pin.test.mjs', "'unblock'"],
  ['lanyard-sandbox', INSIDE, 'sandbox >/run/sandbox.out'],
  ['cc -o ward ward.c $(pkg-config --cflags --libs lanyard)', 'tests/check/installed', 'pkg-config --cflags --libs lanyard'],
  ['tests/fuzz/run 600', 'tests/fuzz/CMakeLists.txt', 'LANYARD_FUZZ_SECONDS'],
  ['tests/soak/run', 'tests/soak/soak.test.mjs', 'soak({ cycles: 150'],
];
// What no test runs, and why.
const NOT_RUN = [
  ['./tests/demo --card real --trust authorities.pem', 'needs a card; its mistakes are in journey-demo.test.mjs'],
  ['sudo dnf install ./lanyard-[0-9]*.rpm ./liblanyard0-*.rpm pcsc-lite opensc', 'no such distribution here; tests/packages/by-rpm installs the packages with rpm'],
  ['sudo systemctl enable --now pcscd.socket', 'the same; on Debian its package does it'],
  ['sudo dnf install cmake ninja-build gcc rpm-build {libwebsockets,jansson,openssl,libcurl,pcsc-lite,libfido2,systemd,libseccomp,libpsl,p11-kit,gtk4,libassuan,libgpg-error,inih}-devel',
    'no such distribution here'],
  ['cmake --preset release -DBUILD_TESTING=OFF', 'the same; tests/packages/build does it on Debian'],
  ['tests/integration/real-kernel/run build/dev', 'takes too long for everybody; LANYARD_REAL_KERNEL'],
  ['cmake --workflow --preset dev', 'would run itself; the three steps of tests/run'],
  ['.ci/run', 'would run itself; every change runs it'],
  ['tests/bench/run', 'measures, and a test must not; its clients are built with the tests'],
  ['tests/check/tidy', 'takes too long for everybody; by hand over what has changed'],
];

const readme = text(projectRoot, 'README.md');
const blocks = [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, kind, body]) => ({ kind, body }));
const bodies = (kind) => blocks.filter((block) => block.kind === kind).map(({ body }) => body);
for (const { kind, body } of blocks)
  if (!['sh', 'ini', 'js', 'c', 'cmake', 'http', 'text'].includes(kind))
    wrong.add('README.md', `a block of a kind that nothing looks at: "${kind}" ${body.split('\n')[0]}`);
for (const [line] of readme.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^ {4}(?! *[-|]).*$/gm))
  wrong.add('README.md', `a block without a kind: ${line.trim()}`);

// ---- commands ----

const commands = bodies('sh').flatMap((body) => body.split('\n'))
  .map((line) => line.replace(/ +#.*$/, '').trim()).filter((line) => line !== '');
for (const command of commands)
  if (![...RUN_BY, ...NOT_RUN].some(([known]) => known === command)) wrong.add('README.md', `no test is said to run: ${command}`);
for (const [command] of [...RUN_BY, ...NOT_RUN])
  if (!commands.includes(command)) wrong.add('readme.mjs', `not in README.md any more: ${command}`);
for (const [command, path, words] of RUN_BY)
  if (!existsSync(join(projectRoot, path)) || !text(projectRoot, path).includes(words))
    wrong.add(path, `does not run ${command}: there is no ${words}`);

// The heads of --help: "key pin set", "sign-in", "--origin URL".
const heads = [...execFileSync(program, ['--help'], { encoding: 'utf8' }).matchAll(/^ {2}(\S+(?: \S+)*)/gm)]
  .map(([, head]) => head.replace(/ \[?[A-Z].*$/, ''));
const inline = [...readme.matchAll(/`(lanyard [a-z][^`]*)`/g)].map(([, words]) => words);
for (const line of [...commands, ...inline].flatMap((each) => each.split(' && ')).filter((each) => /^lanyard /.test(each))) {
  const words = line.split(' ').slice(1);
  const verbs = words.slice(0, [...words, '-'].findIndex((word) => !/^[a-z][a-z-]*$/.test(word))).join(' ');
  if (!heads.some((head) => head === verbs || head.startsWith(`${verbs} `)))
    wrong.add('README.md', `${line}: lanyard has no ${verbs}`);
  for (const option of words.filter((word) => word.startsWith('--')))
    if (!heads.includes(option)) wrong.add('README.md', `${line}: lanyard has no ${option}`);
}

// ---- samples ----

const work = mkdtempSync(join(tmpdir(), 'lanyard-readme-'));
const manual = text('/', page);
const samples = [
  ...bodies('ini').map((body) => ['README.md', body]),
  ['lanyard.conf(5)', /^\.Sh EXAMPLES\n\.Bd .*\n([\s\S]*?)^\.Ed$/m.exec(manual)[1]],
];
try {
  samples.forEach(([place, body], index) => {
    const etc = join(work, `etc-${index}`);
    mkdirSync(join(etc, 'conf.d'), { recursive: true, mode: 0o755 });
    writeFileSync(join(etc, 'conf.d/sample.conf'), body, { mode: 0o644 });
    const { status, stderr } = spawnSync(program, ['config', 'show', '--config', etc, '--user-config', ''],
      { encoding: 'utf8', env: { ...process.env, HOME: work, XDG_CONFIG_HOME: work } });
    if (status !== 0) wrong.add(place, `no agent would start with its sample:\n${body}${stderr}`);
  });

  copyFileSync(join(projectRoot, 'ipc/web/lanyard.js'), join(work, 'lanyard.js'));
  writeFileSync(join(work, 'package.json'), '{"type": "module"}\n');
  for (const [index, body] of bodies('js').entries()) {
    const file = join(work, `sample-${index}.js`);
    writeFileSync(file, body);
    await import(pathToFileURL(file)).catch((error) => wrong.add('README.md', `${error.message}:\n${body}`));
  }
} finally {
  rmSync(work, { recursive: true });
}
const port = /^const PORT = (\d+);$/m.exec(text(projectRoot, 'ipc/web/lanyard.js'))[1];
for (const body of bodies('http'))
  if (!body.includes(`ws://127.0.0.1:${port}`)) wrong.add('README.md', `not lanyard.js's port ${port}: ${body.trim()}`);

// ---- places ----

const anchors = [...readme.matchAll(/^#+ (.*)$/gm)]
  .map(([, title]) => title.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-'));
for (const [, link] of readme.matchAll(/\]\(([^)]+)\)/g))
  if (link.startsWith('#') ? !anchors.includes(link.slice(1)) : !existsSync(join(projectRoot, link)))
    wrong.add('README.md', `the link leads nowhere: ${link}`);

const installed = text(projectRoot, 'tests/check/installed.list').split('\n');
for (const [, place] of readme.matchAll(/(\/(?:usr|etc)\/[\w./-]*lanyard[\w./-]*\w)/g)) {
  const inside = /^\/usr\/share\/lanyard\/sandbox\/(.*)$/.exec(place); // the package lanyard-sandbox
  const listed = place.replace(/^\/(usr\/)?/, '');
  const there = inside ? existsSync(join(projectRoot, inside[1]))
    : installed.some((each) => each === listed || each.startsWith(`${listed}/`));
  if (!there && !/^\/etc\/lanyard\/(lanyard\.conf|conf\.d.*|issuers\.pem)$/.test(place))
    wrong.add('README.md', `is not installed: ${place}`);
}
wrong.end(`${RUN_BY.length} commands are run by tests, ${NOT_RUN.length} by hand, ${samples.length} configurations hold`);
