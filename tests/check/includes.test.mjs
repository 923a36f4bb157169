// SPDX-License-Identifier: MIT
// The include check itself: planted includes are found, allowed ones are not.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from './tree.mjs';

function check(tree) {
  const root = mkdtempSync(join(tmpdir(), 'lanyard-includes-'));
  try {
    for (const [path, text] of Object.entries(tree)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return spawnSync(
      process.execPath,
      [join(projectRoot, 'tests/check/includes.mjs'), '--root', root],
      { encoding: 'utf8' },
    );
  } finally {
    rmSync(root, { recursive: true });
  }
}

const planted = [
  ['ipc/door/a.c', '#include "agent/a.h"', 'ipc/door may not include "agent/a.h"'],
  ['pkcs11/a.c', '#include "agent/a.h"', 'pkcs11 may not include "agent/a.h"'],
  ['agent/b.c', '#include "pkcs11/module.h"', 'agent may not include "pkcs11/module.h"'],
  ['agent/b.c', '  #  include <winscard.h>', '<winscard.h> is for pkcs11, tests only'],
  ['agent/b.c', '#include <jansson.h>', '<jansson.h> is for ipc, agent/cis, agent/doctor, tests only'],
  ['ipc/base/a.c', '#include <p11-kit/pkcs11.h>', '<p11-kit/pkcs11.h> is for pkcs11, tests only'],
  ['agent/b.c', '#include <openssl/x509.h>', '<openssl/x509.h> is for agent/certificate, '],
  ['agent/b.c', '#include <unheard/of.h>', '<unheard/of.h> is in no row of the table'],
  ['agent/b.c', '#include "absent.h"', '"absent.h" is no path from the root'],
  ['agent/b.c', '#include HEADER', 'an include that cannot be read'],
];

for (const [file, line, complaint] of planted) {
  test(`${file} with ${line}`, () => {
    const result = check({
      'agent/a.h': '',
      'pkcs11/module.h': '',
      [file]: `/* first */\n${line}\n`,
    });
    assert.equal(result.status, 1);
    assert.ok(result.stderr.includes(`${file}:2: ${complaint}`), result.stderr);
  });
}

test('what the table allows passes', () => {
  const result = check({
    'ipc/base/bytes.h': '#include <stddef.h>\n',
    'ipc/door/json.c': '#include "ipc/base/bytes.h"\n#include <jansson.h>\n',
    'pkcs11/reader_watch.h': '#include <stdbool.h>\n',
    'agent/main.c': '#include "ipc/base/bytes.h"\n#include "pkcs11/reader_watch.h"\n',
    'tests/sandbox/card/card.h': '',
    'tests/sandbox/card/card.c': '#include "card.h"\n',
  });
  assert.equal(result.stderr, '');
  assert.equal(result.status, 0);
});
