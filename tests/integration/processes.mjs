// SPDX-License-Identifier: MIT
//
// What /proc tells of a program and those it has started. A helper may end at any moment: who is gone
// meanwhile, or is kept from this user by the kernel, reads as empty.

import { readdirSync, readFileSync } from 'node:fs';

const NOTHING_THERE = ['EACCES', 'ENOENT', 'ENOTDIR', 'ESRCH'];

// What look() gives, or the other where there is nothing to see any more.
export function ifThere(look, otherwise) {
  try {
    return look();
  } catch (error) {
    if (!NOTHING_THERE.includes(error.code)) throw error;
    return otherwise;
  }
}

export const readable = (path) => ifThere(() => readFileSync(path), Buffer.alloc(0));

const text = (path) => readable(path).toString().trim();

const threadsOf = (pid) => ifThere(() => readdirSync(`/proc/${pid}/task`), []);

// Every process below that one, and below those: { pid, name }.
export const below = (pid) => threadsOf(pid)
  .flatMap((thread) => text(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean))
  .flatMap((child) => [{ pid: Number(child), name: text(`/proc/${child}/comm`) }, ...below(child)]);

// The process of that name below that one, or undefined.
export const processBelow = (pid, name) => below(pid).find((each) => each.name === name)?.pid;

export const alive = (pid) => /^State:\s+[^ZX\s]/m.test(text(`/proc/${pid}/status`));
