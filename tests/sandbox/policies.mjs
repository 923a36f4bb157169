// SPDX-License-Identifier: MIT
//
// The packaged browser policies, for one test's browser only. Browsers read managed policies from
// /etc and nowhere else, so the browser is started in a mount namespace of its own, where a read-only
// overlay adds the files to /etc. Nothing is written there and nobody else sees it.

import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { source } from './build.mjs';

const NAMESPACE = process.getuid() === 0 ? '--mount' : '--mount --map-root-user';
const OVERLAY = 'mount -t overlay overlay -o lowerdir="$0":/etc /etc';
const PACKAGED = {
  'chromium/policies/managed/lanyard.json': 'chromium/lanyard.json',
  'firefox/policies/policies.json': 'firefox/policies.json',
};
const PLACE = 'am.nhsidentity.spineservices.nhs.uk'; // the site in the packaged files

// Why policies cannot be tried here, as a sentence; false when they can.
export function policiesImpossible() {
  try {
    execFileSync('unshare', [...NAMESPACE.split(' '), 'sh', '-c', OVERLAY, '/usr'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'this machine lets us make no mount namespace with an overlay on /etc';
  }
}

// Writes the packaged policies with `site` (host:port) in place of Care Identity's, and a script
// that runs `program` under them; resolves with the script's path.
export async function withPolicies(program, { site, directory }) {
  const etc = join(directory, 'etc-overlay');
  for (const [target, packaged] of Object.entries(PACKAGED)) {
    const text = await readFile(join(source, 'packaging', 'browser-policies', packaged), 'utf8');
    // Firefox lists domains, Chromium origins with their port.
    const host = packaged.startsWith('firefox') ? site.split(':')[0] : site;
    await mkdir(dirname(join(etc, target)), { recursive: true });
    await writeFile(join(etc, target), text.replaceAll(PLACE, host));
  }
  const script = join(directory, 'browser-with-policies');
  await writeFile(script, `#!/bin/sh\nexec unshare ${NAMESPACE} sh -c '${OVERLAY} && exec "$@"' '${etc}' '${program}' "$@"\n`);
  await chmod(script, 0o700);
  return script;
}
