// SPDX-License-Identifier: MIT
//
// What the agent knows of the desktop around it, and how it locks the screen: agent/desktop with
// private buses, python-dbusmock's logind, and screen savers, notification servers and service
// managers that behave in every way. That something is not told is seen in what is told next.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startDisplay } from '../sandbox/display.mjs';
import { run, start } from '../sandbox/processes.mjs';
import { events, skip, withDesktop } from './desktop-rig.mjs';

const desktop = (name, play) => test(name, { skip }, () => withDesktop(play));

// logind with one session, the user's display session.
async function withSession(system, state = '') {
  await system.do('logind = Logind()');
  await system.do(`logind.session('c1'${state && `, ${state}`})`);
}

// The same, with an agent that knows it.
async function settled({ system, client }, ...words) {
  await withSession(system);
  const agent = await client(...words);
  await agent.next(/session is .*\/c1$/);
  return agent;
}

// What a locker does that hears logind's request.
const HEARD = 'rig.logind.set(args[0], LockedHint=True)';
const onLock = (system, code) => system.do(`logind.on_lock('${code}')`);

// ---- what is told ----

desktop('locked at the start, then each change once', async ({ system, client }) => {
  await withSession(system, 'locked=True');
  const agent = await client();
  await agent.next('locked');
  await system.do('logind.set("c1", LockedHint=False)');
  await agent.next('unlocked');
  await system.do('logind.set("c1", LockedHint=False)');
  await system.do('logind.set("c1", LockedHint=True)');
  await system.do('logind.set("c1", LockedHint=True, IdleHint=True)');
  await agent.next('locked');
  await system.do('logind.invalidate("c1", LockedHint=False)');
  await agent.next('unlocked');
  assert.deepEqual(events(agent), ['locked', 'unlocked', 'locked', 'unlocked']);
});

desktop('Lock and Unlock are requests to a locker, and tell nothing', async (rig) => {
  const agent = await settled(rig);
  await rig.system.do('logind.at("c1").EmitSignal(SESSION, "Lock", "", [])');
  await rig.system.do('logind.set("c1", LockedHint=True)');
  await agent.next('locked');
  await rig.system.do('logind.at("c1").EmitSignal(SESSION, "Unlock", "", [])');
  await rig.system.do('logind.set("c1", Active=False)');
  await agent.next('away');
  assert.deepEqual(events(agent), ['locked', 'away']);
});

desktop('another user in front, and back', async ({ system, client }) => {
  await withSession(system, 'active=False');
  const agent = await client();
  await agent.next('away');
  await system.do('logind.set("c1", Active=True)');
  await agent.next('back');
  await system.do('logind.set("c1", Active=False)');
  await agent.next('away');
});

// ---- where the person sits ----

const places = (client) => client.heard.filter((line) => /^(here|remote)$/.test(line));

desktop('a session is at this computer, remote, or without a seat; what else is true was told before', async ({ system, client }) => {
  await withSession(system, 'active=False, locked=True');
  await system.do('logind.session("c2", display=False, remote=True)');
  await system.do('logind.session("c3", display=False, seat="")');
  await system.do('logind.session("c4", display=False)');
  await system.do('logind.at("c4").props[SESSION].update(Remote="yes", Seat=7)');
  const agent = await client();
  await agent.next('here');
  assert.deepEqual([...events(agent), ...places(agent)], ['locked', 'away', 'here']);
  for (const [id, place] of [['c2', 'remote'], ['c3', 'remote'], ['c4', 'here']])
    await (await client('', { XDG_SESSION_ID: id })).next(place);
});

desktop('another session that is somewhere else takes its place; one that is gone leaves it as it was', async ({ system, client }) => {
  await withSession(system, 'remote=True');
  const agent = await client();
  await agent.next('remote');
  await system.do('logind.session("c2")');
  await agent.next('here');
  await system.do('logind.display("c1")');
  await agent.next('remote');
  await system.do('logind.remove("c1")');
  await agent.next('logged out');
  await system.do('logind.leave()');
  await withSession(system);
  await agent.next('here');
  assert.deepEqual(places(agent), ['remote', 'here', 'remote', 'here']);
});

desktop('another session at another seat takes its place', async ({ system, client }) => {
  await withSession(system);
  const agent = await client();
  await agent.next('here');
  await system.do('logind.session("c2", seat="seat1")');
  await agent.next('at seat1');
  await system.do('logind.session("c3", seat="s" * 64)'); // longer than any
  await agent.next('at ');
  assert.deepEqual(places(agent), ['here', 'here', 'here']);
});

desktop('where nobody knows of a session, it is at this computer, at once', async ({ system, client }) => {
  const alone = await client();
  await alone.next('here'); // nobody has logind's name
  await system.do('logind = Logind()');
  const none = await client();
  await none.next('here');
  await system.stop();
  for (const address of ['unix:path=/nonexistent/bus', 'rubbish'])
    await (await client('', { DBUS_SYSTEM_BUS_ADDRESS: address })).next('here');
  assert.deepEqual(places(alone), ['here']);
});

desktop('while logind has not answered, nothing is said of it', async ({ system, client }) => {
  await withSession(system, 'remote=True');
  await system.do('logind.method("GetUser", "u", "o", "rig.GLib.usleep(300000); ret = rig.user_path(args[0])")');
  const agent = await client();
  await agent.next('remote');
  assert.deepEqual(places(agent), ['remote']);
});

desktop('sleep waits until it has been handled', async (rig) => {
  const agent = await settled(rig);
  const { services } = rig.system;
  await services.next(/^Inhibit \["sleep", .*"delay"\]$/);
  await rig.system.do('logind.sleep(True)');
  await agent.next('sleep'); // and it is busy with that, until its next line
  await rig.system.do('say("busy")');
  assert.ok(!services.heard.includes('let-go'));
  agent.say('handled');
  await services.next('let-go');
  await rig.system.do('logind.sleep(False)');
  await agent.next('resumed');
  await services.next(/^Inhibit /);
  await rig.system.do('logind.sleep(False)');
  await rig.system.do('logind.sleep(True)');
  await agent.next('sleep');
  agent.say('handled');
  await services.next('let-go');
  assert.deepEqual(events(agent), ['sleep', 'resumed', 'sleep']);
});

desktop('an end of sleep that was missed is told when logind is back', async (rig) => {
  const agent = await settled(rig);
  await rig.system.do('logind.sleep(True)');
  await agent.next('sleep');
  agent.say('handled');
  await rig.system.services.next('let-go');
  await rig.system.do('logind.leave()');
  await withSession(rig.system);
  await agent.next('resumed');
  await rig.system.services.next(/^Inhibit /);
});

// ---- which session ----

desktop('the session is found when it comes, and again when another takes its place', async ({ system, client }) => {
  await system.do('logind = Logind()');
  const agent = await client();
  await system.services.next(/^GetUser/);
  await system.do('logind.session("c1", locked=True)');
  await agent.next(/session is .*\/c1$/);
  await agent.next('locked');
  await system.do('logind.remove("c1")');
  await agent.next('logged out');
  await system.do('logind.session("c2")');
  await agent.next(/session is .*\/c2$/);
  await agent.next('unlocked');
  await system.do('logind.session("c3", locked=True, display=False)'); // a terminal's
  await system.do('logind.set("c2", Active=False)');
  await agent.next('away');
  await system.do('logind.display("c3")');
  await agent.next(/session is .*\/c3$/);
  await agent.next('back');
  assert.deepEqual(events(agent), ['locked', 'logged out', 'unlocked', 'away', 'locked', 'back']);
});

desktop('XDG_SESSION_ID, then the process, go before the display session', async ({ system, client }) => {
  await withSession(system);
  await system.do('logind.session("c2", display=False)');
  await system.do('logind.session("c3", display=False)');
  await (await client('', { XDG_SESSION_ID: 'c3' })).next(/session is .*\/c3$/);
  await system.do('logind.session_of_process("c2")');
  const agent = await client('', { XDG_SESSION_ID: '' });
  await agent.next(/session is .*\/c2$/);
  await system.do('logind.method("GetSession", "s", "o", "rig.refuse()")');
  await (await client('', { XDG_SESSION_ID: 'gone' })).next(/session is .*\/c2$/);
});

// ---- log-out ----

// Every event so far and those that this change brings.
async function upToLock({ system }, agent, session) {
  await system.do(`logind.set("${session}", LockedHint=True)`);
  await agent.next('locked');
  return events(agent);
}

desktop('the session is removed: logged out, once for each session', async (rig) => {
  const agent = await settled(rig);
  await rig.system.do('logind.session("c9", display=False)');
  await rig.system.do('logind.signal("SessionRemoved", "so", "c9", '
    + 'dbus.ObjectPath("/org/freedesktop/login1/session/c9"))'); // another one's
  await rig.system.do('logind.remove("c1")');
  await agent.next('logged out');
  await rig.system.do('logind.session("c2")');
  await agent.next(/session is .*\/c2$/);
  await rig.system.do('logind.remove("c2")');
  await agent.next('logged out');
  await rig.system.do('logind.session("c3")');
  await agent.next(/session is .*\/c3$/);
  assert.deepEqual(await upToLock(rig, agent, 'c3'), ['logged out', 'logged out', 'locked']);
});

desktop('a session that is closing is logged out, and not again when it is removed', async (rig) => {
  const agent = await settled(rig);
  await rig.system.do('logind.set("c1", State="online")');
  await rig.system.do('logind.set("c1", State="closing")');
  await agent.next('logged out');
  await rig.system.do('logind.set("c1", State="closing", IdleHint=True)');
  await rig.system.do('logind.remove("c1")');
  await rig.system.do('logind.session("c2")');
  await agent.next(/session is .*\/c2$/);
  assert.deepEqual(await upToLock(rig, agent, 'c2'), ['logged out', 'locked']);
});

// As logind does it: processes that stay keep the session closing, and no signal says so.
const CLOSES = 'logind.at("c1").props[SESSION]["State"] = "closing"';
for (const [what, brings] of [
  ["the greeter's session", 'logind.session("greeter", display=False)'],
  ['going to the back', 'logind.set("c1", Active=False)'],
  ['another display session', 'logind.session("c2")'],
  ['no display session', 'logind.display("")'],
]) {
  desktop(`a session that closes in silence is logged out at: ${what}`, async (rig) => {
    const agent = await settled(rig);
    await rig.system.do(CLOSES);
    await rig.system.do(brings);
    await agent.next('logged out');
  });
}

desktop('a session that is closing at the start, or when logind is back, is logged out once', async (rig) => {
  await withSession(rig.system);
  await rig.system.do(CLOSES);
  const agent = await rig.client();
  await agent.next('logged out');
  await rig.system.do('logind.leave()');
  await agent.next(/logind is away/);
  await withSession(rig.system);
  await rig.system.do(CLOSES);
  await agent.next(/session is .*\/c1$/);
  assert.deepEqual(await upToLock(rig, agent, 'c1'), ['logged out', 'locked']);
});

desktop('logind stops and starts anew: no log-out', async (rig) => {
  const agent = await settled(rig);
  for (let i = 0; i < 2; i++) {
    await rig.system.do('logind.leave()');
    await agent.next(/logind is away/);
    await withSession(rig.system);
    await agent.next(/session is .*\/c1$/);
  }
  assert.deepEqual(await upToLock(rig, agent, 'c1'), ['locked']);
});

// ---- buses and services that come and go ----

desktop('a bus that is not there yet, is killed, and is back', async ({ system, session, client }) => {
  await system.stop();
  await session.stop();
  const agent = await client();
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    await system.start();
    await withSession(system, 'locked=True');
    await agent.next(/session is .*\/c1$/);
    await system.stop(signal);
    await agent.next(/logind is away/);
  }
  await system.start();
  await withSession(system, 'locked=False');
  await agent.next('unlocked');
  assert.deepEqual(events(agent), ['locked', 'unlocked']);
});

desktop('logind starts anew', async (rig) => {
  const agent = await settled(rig);
  await rig.system.do('logind.set("c1", LockedHint=True)');
  await agent.next('locked');
  await rig.system.do('logind.leave()');
  await agent.next(/logind is away/);
  await withSession(rig.system, 'locked=True');
  await agent.next(/session is .*\/c1$/);
  await rig.system.do('logind.set("c1", LockedHint=False)');
  await agent.next('unlocked');
  assert.deepEqual(events(agent), ['locked', 'unlocked']);
});

desktop('no bus at all', async ({ client }) => {
  const nowhere = { DBUS_SYSTEM_BUS_ADDRESS: 'rubbish', DBUS_SESSION_BUS_ADDRESS: '', XDG_RUNTIME_DIR: '' };
  const agent = await client('', nowhere);
  agent.say('tell Nobody|sees this');
  agent.say('lock');
  for (const line of [
    /the screen is not locked by logind: no system bus$/,
    /the screen is not locked by a screen saver: no session bus$/,
    /the screen is not locked by the lock command: no lock-command is configured$/,
    /could not be locked: by logind: no system bus; by a screen saver: no session bus; by the lock command: no lock-command is configured$/,
  ]) await agent.next(line);
  await agent.next('lock no logind logind');
  const other = await client('true', { ...nowhere, DBUS_SYSTEM_BUS_ADDRESS: 'tcp:host=localhost,port=1' });
  other.say('lock');
  await other.next('lock yes command -');
});

// ---- what is not believed ----

desktop('properties and signals of other types are as if they were not there', async (rig) => {
  const agent = await settled(rig);
  await rig.system.do('logind.set("c1", LockedHint="yes", Active=dbus.UInt32(0))');
  await rig.system.do('logind.set("c1", LockedHint=dbus.Array([True], signature="b"), Id=7)');
  await rig.system.do('logind.at("c1").EmitSignal("org.freedesktop.DBus.Properties", '
    + '"PropertiesChanged", "s", ["nothing else"])');
  await rig.system.do('logind.signal("PrepareForSleep", "s", "soon")');
  await rig.system.do('logind.signal("SessionRemoved", "u", dbus.UInt32(1))');
  await rig.system.do('logind.set("c1", LockedHint=True)');
  await agent.next('locked');
  assert.deepEqual(events(agent), ['locked']);
});

desktop('replies of other types lead nowhere, and nowhere worse', async ({ system, session, client }) => {
  await withSession(system);
  await session.do('saver = ScreenSaver("gnome", "pass")');
  await session.do('saver.method("GetActive", "", "s", \'ret = "yes"\')');
  await system.do('logind.method("Inhibit", "ssss", "s", \'ret = "here"\')');
  await system.do('logind.method("GetUser", "u", "s", \'ret = "me"\')');
  await system.do('logind.method("GetSessionByPID", "u", "as", \'ret = ["a"]\')');
  const agent = await client('', { XDG_SESSION_ID: '' });
  await agent.next(/does not let us delay sleep/);
  await system.do('logind.sleep(True)');
  await agent.next('sleep');
  agent.say('handled');
  agent.say('lock');
  await agent.next(/^lock no screensaver /);
  assert.deepEqual(events(agent), ['sleep']);
});

desktop('only logind is believed: others on the bus may send what they like', async (rig) => {
  const agent = await settled(rig);
  const properties = '"/org/freedesktop/login1/session/c1", "org.freedesktop.DBus.Properties", "PropertiesChanged", '
    + '"sa{sv}as", SESSION, {"LockedHint": True, "Active": False}, []';
  await rig.system.do(`forge(${agent.child.pid}, ${properties})`);
  await rig.system.do(`forge(${agent.child.pid}, "/org/freedesktop/login1", MANAGER, "PrepareForSleep", "b", True)`);
  await rig.system.do(`forge(${agent.child.pid}, "/org/freedesktop/DBus", "org.freedesktop.DBus", `
    + '"NameOwnerChanged", "sss", LOGIND, ":1.1", "")');
  await rig.system.do('logind.set("c1", Active=False)');
  await agent.next('away');
  await rig.system.do('logind.set("c1", LockedHint=True)');
  await agent.next('locked');
  assert.deepEqual(events(agent), ['away', 'locked']);
});

// ---- desktops that do not tell logind ----

desktop('an active screen saver is a locked screen, where LockedHint is never set', async (rig) => {
  await rig.session.do('saver = ScreenSaver("freedesktop")');
  await rig.session.do('saver.active = True');
  await withSession(rig.system);
  const agent = await rig.client();
  await agent.next('locked');
  await rig.session.do('saver.set(False)');
  await agent.next('unlocked');
  await rig.session.do('saver.set(True)');
  await agent.next('locked');
  await rig.session.do('saver.leave()');
  await agent.next('unlocked');
});

desktop('where LockedHint is set, an active screen saver may be a dark screen', async (rig) => {
  await rig.session.do('saver = ScreenSaver("gnome")');
  const agent = await settled(rig);
  await rig.system.do('logind.set("c1", LockedHint=True)');
  await agent.next('locked');
  await rig.session.do('saver.set(True)');
  await rig.system.do('logind.set("c1", LockedHint=False)');
  await agent.next('unlocked');
  await rig.system.do('logind.set("c1", Active=False)');
  await agent.next('away');
  assert.deepEqual(events(agent), ['locked', 'unlocked', 'away']);
});

// ---- locking ----

desktop('a locker that hears logind', async (rig) => {
  const agent = await settled(rig);
  await onLock(rig.system, HEARD);
  agent.say('lock');
  await agent.next('lock yes logind -');
  assert.deepEqual(events(agent), ['locked']);
  agent.say('lock'); // it is: nobody is asked
  await agent.next('lock yes logind -');
  assert.equal(await rig.system.called('LockSession ["c1"]'), 1);
});

desktop('a lock asked for before anything is known', async ({ system, client }) => {
  await withSession(system);
  await onLock(system, HEARD);
  const agent = await client();
  agent.say('lock');
  await agent.next('lock yes logind -');
});

desktop('a screen saver that is not there was waited for, not tried', async ({ system, session, client }) => {
  process.kill(session.daemon.pid, 'SIGSTOP');
  const agent = await settled({ system, client });
  await onLock(system, 'rig.refuse()');
  agent.say('lock');
  await agent.next(/not locked by logind/);
  process.kill(session.daemon.pid, 'SIGCONT');
  await agent.next('lock no logind logind');
});

desktop('logind answers and nobody locks: the screen saver does', async (rig) => {
  await rig.session.do('saver = ScreenSaver("gnome")');
  const agent = await settled(rig);
  agent.say('lock');
  agent.say('lock'); // joins the first
  await agent.next('lock yes screensaver logind');
  await agent.next('lock yes screensaver logind');
  assert.equal(await rig.session.called('Lock []'), 1);
});

desktop('of two screen savers one can only keep the screen awake', async (rig) => {
  await rig.session.do('only_awake = ScreenSaver("freedesktop", "rig.refuse()")');
  await rig.session.do('saver = ScreenSaver("gnome")');
  const agent = await settled(rig);
  agent.say('lock');
  await agent.next('lock yes screensaver logind');
});

desktop('a screen saver that locks without saying so is no locker', async (rig) => {
  await rig.session.do('saver = ScreenSaver("gnome", "pass")');
  const agent = await settled(rig);
  agent.say('lock');
  await agent.next('lock no screensaver logind');
});

desktop('a locker that is slow may still be the one', async (rig) => {
  await rig.session.do('saver = ScreenSaver("gnome", "pass")');
  const agent = await settled(rig);
  agent.say('lock');
  await rig.session.services.next('Lock []');
  await rig.system.do('logind.set("c1", LockedHint=True)');
  await agent.next('lock yes screensaver logind');
});

desktop('the command is the last way; it is good if it ends well', async (rig) => {
  await rig.session.do('saver = ScreenSaver("gnome", "rig.refuse()")');
  const agent = await settled(rig, `touch ${join(rig.folder, 'locked')}`);
  await onLock(rig.system, 'rig.refuse()');
  agent.say('lock');
  await agent.next('lock yes command logind');
  assert.ok(existsSync(join(rig.folder, 'locked')));
});

desktop('the journal tells of each way why it has not locked', async (rig) => {
  const agent = await settled(rig);
  await onLock(rig.system, 'rig.refuse()');
  agent.say('lock');
  await agent.next(/not locked by logind: it answered [\w.]+$/);
  await agent.next(/not locked by a screen saver: no screen saver answers on the session's bus$/);
  await agent.next(/not locked by the lock command: no lock-command is configured$/);
  await agent.next('lock no logind logind');
  await rig.session.do('saver = ScreenSaver("gnome", "rig.refuse()")');
  await rig.system.do('logind.leave()');
  await agent.next(/logind is away/);
  agent.say('lock');
  await agent.next(/not locked by logind: it is not on the system bus$/);
  await agent.next(/could not be locked: by logind: .*; by a screen saver: org.gnome.ScreenSaver answered [\w.]+; by the lock command: /);
  await agent.next(/^lock no /);
});

// A locker that says who it is and goes on.
async function writeLocker(folder) {
  const path = join(folder, 'locker');
  await writeFile(path, '#!/bin/sh\necho $$ >"$1"\nmkfifo "$1.wait"\nread _ <"$1.wait"\n', { mode: 0o755 });
  return { line: `${path}  ${join(folder, 'pid')}`, pid: () => Number(readFileSync(join(folder, 'pid'), 'utf8')) };
}

desktop('or if it goes on, which it does without the agent', async ({ client, folder }) => {
  const locker = await writeLocker(folder);
  const agent = await client(locker.line);
  agent.say('lock');
  await agent.next(/^lock yes command /);
  const pid = locker.pid();
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ');
    assert.equal(Number(stat[4]), pid, 'a process group of its own');
    assert.notEqual(Number(stat[3]), agent.child.pid, "not the agent's child");
    assert.equal(await agent.stop(), 0);
    process.kill(pid, 0);
    const open = readdirSync(`/proc/${pid}/fd`).filter((fd) => fd > 2)
      .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    assert.deepEqual(open, [locker.line.split(' ')[0]], 'nothing of the agent\'s');
  } finally {
    process.kill(pid, 'SIGKILL');
  }
});

for (const [command, said] of [
  ['false', /not locked by the lock command: false ended with 1$/],
  ['/nowhere/to be found', /not locked by the lock command: \/nowhere\/to cannot be started: No such file or directory$/],
]) {
  desktop(`a command that fails is told: ${command}`, async (rig) => {
    const agent = await settled(rig, command);
    agent.say('lock');
    await agent.next(said);
    await agent.next('lock no command logind');
  });
}

// ---- the command, by the person's service manager ----

const ASKED = /^StartTransientUnit \["lanyard-lock.service", "fail", .*"ExecStart".*"my-locker", \["my-locker", "-n"\]/;

desktop('a service manager starts the command', async (rig) => {
  await rig.session.do('systemd = Systemd()');
  const agent = await settled(rig, 'my-locker -n', { DISPLAY: ':7' });
  await onLock(rig.system, 'rig.refuse()');
  for (const [result, told] of [['done', 'yes'], ['failed', 'no']]) {
    agent.say('lock');
    const [asked] = await rig.session.services.next(ASKED);
    assert.ok(asked.includes('"DISPLAY=:7"'), asked);
    await rig.session.do(`systemd.job("${result}")`);
    await agent.next(`lock ${told} command logind`);
  }
  agent.say('lock');
  await agent.next('lock yes command logind'); // it goes on
});

desktop('a service manager that does not answer has not locked', async (rig) => {
  await rig.session.do('systemd = Systemd("rig.never()")');
  const agent = await settled(rig, 'my-locker -n');
  await onLock(rig.system, 'rig.refuse()');
  agent.say('lock');
  await agent.next('lock no command logind');
});

desktop('a service manager that goes away has not locked', async (rig) => {
  await rig.session.do('systemd = Systemd()');
  const agent = await settled(rig, 'my-locker -n');
  await onLock(rig.system, 'rig.refuse()');
  agent.say('lock');
  await rig.session.services.next(ASKED);
  await rig.session.do('systemd.leave()');
  await agent.next('lock no command logind');
});

const EXISTS = 'rig.refuse("org.freedesktop.systemd1.UnitExists")';

desktop('the earlier locker is still at work', async (rig) => {
  await rig.session.do(`systemd = Systemd('${EXISTS}', 'activating')`);
  const agent = await settled(rig, 'false');
  agent.say('lock');
  await agent.next('lock yes command logind');
});

desktop('a service manager that cannot: the agent starts the command', async (rig) => {
  await rig.session.do(`systemd = Systemd('${EXISTS}', 'inactive')`);
  const agent = await settled(rig, 'true');
  agent.say('lock');
  await agent.next('lock yes command logind');
  await rig.session.do('systemd.leave()');
  await rig.session.do("systemd = Systemd('rig.refuse()')");
  agent.say('lock');
  await agent.next('lock yes command logind');
});

// ---- notices ----

const notified = async (session) => JSON.parse((await session.services.next(/^Notify (.*)$/))[1]);

desktop('a notice takes the place of the one before, and is never markup', async ({ session, client }) => {
  await session.do('notifications = Notifications("body", "body-markup")');
  const agent = await client();
  agent.say('tell Signed out|<b>The</b> card & "you"');
  assert.deepEqual(await notified(session),
    ['Lanyard', 0, '', 'Signed out', '&lt;b&gt;The&lt;/b&gt; card &amp; "you"', [], {}, -1]);
  agent.say('tell Again|and last');
  assert.deepEqual((await notified(session)).slice(1, 5), [7, '', 'Again', 'and last']);
  await session.do('notifications.leave()');
  agent.say('tell Nobody|shows this');
  for (let told = 0; told < 3; told++) await agent.next('told');
  await session.do('notifications = Notifications("body")');
  agent.say('tell <i>|1 < 2');
  assert.deepEqual((await notified(session)).slice(1, 5), [0, '', '<i>', '1 < 2']);
});

desktop('a kind of notice can be silenced, and each has a place of its own', async ({ session, client }) => {
  await session.do('notifications = Notifications()');
  const agent = await client();
  agent.say('tell Lock it yourself|');
  assert.deepEqual((await notified(session)).slice(1, 4), [0, '', 'Lock it yourself']);
  agent.say('tell-expiry Nobody|is told of this');
  agent.say('tell-lock Locked|');
  assert.deepEqual((await notified(session)).slice(1, 4), [0, '', 'Locked']);
});

desktop('a notice that is no text is not shown', async ({ session, client }) => {
  await session.do('notifications = Notifications()');
  const agent = await client();
  agent.say(`tell ${'long'.repeat(300)}|`);
  await agent.next(/notice that is too long/);
  agent.child.stdin.write(Buffer.from('tell \xff|\n', 'latin1'));
  await agent.next(/not UTF-8/);
  agent.say('tell Shown|');
  assert.equal((await notified(session))[3], 'Shown');
});

// ---- a real locker ----

const lockers = ['Xvfb', 'xdotool', 'pgrep', 'xss-lock', 'i3lock']
  .filter((name) => spawnSync('which', [name]).status !== 0);

test('xss-lock and i3lock lock a real screen', {
  skip: skip || (lockers.length > 0 && `not installed: ${lockers.join(', ')}`),
}, () => withDesktop(async ({ system, client, env }) => {
  const display = await startDisplay();
  const screen = { env: { ...env, DISPLAY: display.name } };
  let locker = null;
  try {
    await withSession(system);
    await onLock(system, 'rig.logind.at(args[0]).EmitSignal(rig.SESSION, "Lock", "", [])');
    locker = await start('xss-lock', ['-s', 'c1', '--', 'i3lock', '--nofork'], screen);
    const agent = await client();
    let answer = '';
    for (let i = 0; i < 10 && !answer.startsWith('lock yes'); i++) { // until it listens
      agent.say('lock');
      [answer] = await agent.next(/^lock (yes|no) .*/);
    }
    assert.equal(answer, 'lock yes logind -');
    await run('xdotool', ['search', '--sync', '--onlyvisible', '--class', 'i3lock'], screen);
    process.kill(Number(await run('pgrep', ['-P', String(locker.pid), '-x', 'i3lock']))); // opens it
    await agent.next('unlocked');
  } finally {
    await locker?.stop();
    await display.close();
  }
}));
