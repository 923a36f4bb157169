// SPDX-License-Identifier: MIT
//
// What the kernel tells of processes (proc(5)), summed up.

import { readdir, readFile, readlink } from 'node:fs/promises';

export async function childrenOf(pid) {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.trim().split(' ').filter(Boolean).map(Number);
}

/** Those, and theirs. */
export async function below(pid) {
  const children = await childrenOf(pid).catch(() => []); // one that has ended
  return [...children, ...(await Promise.all(children.map(below))).flat()];
}

export const nameOf = async (pid) => (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();

const fieldOf = async (path, name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(await readFile(path, 'utf8'))[1]);

export async function sum(pids, each) {
  let all = 0;
  for (const pid of pids) all += await each(pid);
  return all;
}

/** Resident memory in kB, each library's pages counted once for each process. */
export const rss = (pids) => sum(pids, (pid) => fieldOf(`/proc/${pid}/status`, 'VmRSS'));

/** The same in kB with shared pages divided among those who share them; null: only root may ask. */
export const pss = (pids) => sum(pids, (pid) => fieldOf(`/proc/${pid}/smaps_rollup`, 'Pss')).catch(() => null);

export const threads = (pids) => sum(pids, (pid) => fieldOf(`/proc/${pid}/status`, 'Threads'));
export const descriptors = (pids) => sum(pids, async (pid) => (await readdir(`/proc/${pid}/fd`)).length);

/** How many of its descriptors are TCP connections (over IPv4) to that port. */
export async function connections(pid, port) {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set((await readFile('/proc/net/tcp', 'utf8')).split('\n').slice(1)
    .map((line) => line.trim().split(/\s+/)).filter(([, , remote]) => remote?.endsWith(`:${hex}`))
    .map((fields) => `socket:[${fields[9]}]`));
  const open = await Promise.all((await readdir(`/proc/${pid}/fd`))
    .map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
  return open.filter((target) => inodes.has(target)).length;
}

/** Context switches so far. */
export const switches = (pids) => sum(pids, async (pid) => sum(await readdir(`/proc/${pid}/task`), async (task) =>
  await fieldOf(`/proc/${pid}/task/${task}/status`, 'voluntary_ctxt_switches') +
  await fieldOf(`/proc/${pid}/task/${task}/status`, 'nonvoluntary_ctxt_switches')));
