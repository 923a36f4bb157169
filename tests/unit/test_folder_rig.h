/* SPDX-License-Identifier: MIT */
/*
 * Folders for tests' files. A test removes its own; what is still there when the process ends,
 * since a test failed before or while it tidied up, goes then. For one thread.
 */
#pragma once

/* As mkdtemp(3): path ends with XXXXXX, which is filled. Returns path, NULL with errno set. */
char *folder_make(char *path);
/* Removes it with all that is in it. */
void folder_remove(const char *path);
