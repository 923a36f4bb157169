// SPDX-License-Identifier: MIT
//
// The packaged browser policies, for one test's browser only: put where the package puts them, by the
// script with which it does. Browsers read managed policies from /etc and nowhere else, so the browser
// is started in a mount namespace of its own, where a read-only overlay adds the files to /etc. Nothing
// is written there and nobody else sees it.

import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { source } from './build.mjs';
import { run } from './processes.mjs';

const NAMESPACE = process.getuid() === 0 ? '--mount' : '--mount --map-root-user';
const OVERLAY = 'mount -t overlay overlay -o lowerdir="$0":/etc /etc';
export const PACKAGED_SITE = 'am.nhsidentity.spineservices.nhs.uk'; // one that is in the packaged files

// Why policies cannot be tried here, as a sentence; false when they can.
export function policiesImpossible() {
  try {
    execFileSync('unshare', [...NAMESPACE.split(' '), 'sh', '-c', OVERLAY, '/usr'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'this machine lets us make no mount namespace with an overlay on /etc';
  }
}

// Installs the packaged policies, as they are or with `site` (host:port) in the place of Care Identity's,
// and writes a script that runs `program` under them; resolves with the script's path.
export async function withPolicies(program, { site, directory }) {
  const root = await mkdtemp(join(directory, 'policies-'));
  const policies = join(source, 'packaging', 'browser-policies');
  await run(join(policies, 'apply'), ['install'], { env: { LANYARD_POLICIES: policies, LANYARD_ROOT: root } });
  const etc = join(root, 'etc');
  if (site) await replaceSite(etc, site);
  const script = join(root, 'browser');
  await writeFile(script, `#!/bin/sh\nexec unshare ${NAMESPACE} sh -c '${OVERLAY} && exec "$@"' '${etc}' '${program}' "$@"\n`);
  await chmod(script, 0o700);
  return script;
}

async function replaceSite(etc, site) {
  const files = await readdir(etc, { recursive: true, withFileTypes: true });
  for (const { path, name } of files.filter((entry) => entry.isFile())) {
    const text = await readFile(join(path, name), 'utf8');
    // Firefox lists domains, Chromium origins with their port.
    const host = name === 'policies.json' ? site.split(':')[0] : site;
    await writeFile(join(path, name), text.replaceAll(PACKAGED_SITE, host));
  }
}
