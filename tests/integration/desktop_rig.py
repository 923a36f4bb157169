# SPDX-License-Identifier: MIT
#
# What a desktop's buses offer, for desktop.test.mjs: python-dbusmock's logind, a screen saver, a
# notification server and a service manager, each asked for by a line of Python on standard input.
# After each line "done" is printed; calls that arrive (the mock's own log, with a time in front, has
# them all) and descriptors that are let go are printed as they come.
#
#     /usr/bin/python3 desktop_rig.py ADDRESS
import json
import os
import sys
import traceback

import dbus
import dbus.lowlevel
import dbus.mainloop.glib
from dbusmock import mockobject
from gi.repository import GLib

dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
address = sys.argv[1]
bus = dbus.bus.BusConnection(address)
loop = GLib.MainLoop()
UID = os.getuid()

LOGIND = 'org.freedesktop.login1'
MANAGER = LOGIND + '.Manager'
SESSION = LOGIND + '.Session'
USER = LOGIND + '.User'
SYSTEMD = 'org.freedesktop.systemd1'
NOTIFICATIONS = 'org.freedesktop.Notifications'
SCREEN_SAVERS = {
    'freedesktop': ('org.freedesktop.ScreenSaver', '/org/freedesktop/ScreenSaver'),
    'gnome': ('org.gnome.ScreenSaver', '/org/gnome/ScreenSaver'),
}


def say(*words):
    print(*words, flush=True)


def user_path(uid):
    path = f'/org/freedesktop/login1/user/{uid}'
    if path not in mockobject.objects:
        refuse('org.freedesktop.login1.NoSuchUser')
    return path


def refuse(name='org.freedesktop.DBus.Error.NotSupported'):
    raise dbus.exceptions.DBusException('no', name=name)


class Service:
    """Owns one name; its main object is a mock."""

    def __init__(self, name, path, interface):
        self.name = name
        self.interface = interface
        bus_name = names.setdefault(name, dbus.service.BusName(name, bus, do_not_queue=True))
        bus.request_name(name, dbus.bus.NAME_FLAG_DO_NOT_QUEUE)
        self.main = mockobject.DBusMockObject(bus_name, path, interface, {})
        mockobject.objects[path] = self.main
        self.path = path

    def method(self, name, takes, gives, code):
        """Named members of the rig are at hand as rig.NAME; args are the call's."""
        self.main.AddMethod(self.interface, name, takes, gives,
                            f'rig.say("{name}", rig.json.dumps(args, default=str))\n{code}')

    def signal(self, name, types, *args, interface=None):
        self.main.EmitSignal(interface or self.interface, name, types, list(args))

    def leave(self):
        for path in [p for p in mockobject.objects if p.startswith(self.path)]:
            mockobject.objects.pop(path).remove_from_connection()
        bus.release_name(self.name)


class Logind(Service):
    def __init__(self):
        super().__init__(LOGIND, '/org/freedesktop/login1', MANAGER)
        self.main.AddTemplate('logind', dbus.Dictionary({}, signature='sv'))
        self.method('Inhibit', 'ssss', 'h', 'ret = rig.inhibitor()')
        self.method('GetUser', 'u', 'o', 'ret = rig.user_path(args[0])')
        self.session_of_process(None)
        self.on_lock('pass')

    def on_lock(self, code):
        self.method('LockSession', 's', '', code)

    def session_of_process(self, identifier):
        self.method('GetSessionByPID', 'u', 'o',
                    f'ret = "/org/freedesktop/login1/session/{identifier}"' if identifier else
                    'rig.refuse("org.freedesktop.login1.NoSessionForPID")')

    def user(self):
        path = f'/org/freedesktop/login1/user/{UID}'
        if path not in mockobject.objects:
            self.main.AddUser(UID, 'person', True)
        return mockobject.objects[path]

    def session(self, identifier, active=True, locked=False, display=True, remote=False, seat='seat0'):
        self.user()
        path = self.main.AddSession(identifier, 'seat0', dbus.UInt32(UID), 'person', active)
        seat_path = f'/org/freedesktop/login1/seat/{seat}' if seat else '/'
        mockobject.objects[path].props[SESSION].update({
            'LockedHint': dbus.Boolean(locked), 'Remote': dbus.Boolean(remote),
            'Seat': dbus.Struct((seat, dbus.ObjectPath(seat_path)), signature='so', variant_level=1)})
        if display:
            self.display(identifier)
        self.signal('SessionNew', 'so', identifier, dbus.ObjectPath(path))

    def display(self, identifier):
        path = f'/org/freedesktop/login1/session/{identifier}' if identifier else '/'
        value = dbus.Struct((identifier, dbus.ObjectPath(path)), signature='so', variant_level=1)
        self.user().props[USER]['Display'] = value
        self.changed(self.user(), USER, {'Display': value}, [])

    def changed(self, which, interface, values, names):
        which.EmitSignal('org.freedesktop.DBus.Properties', 'PropertiesChanged', 'sa{sv}as',
                         [interface, dbus.Dictionary(values, signature='sv'),
                          dbus.Array(names, signature='s')])

    def remove(self, identifier):
        path = f'/org/freedesktop/login1/session/{identifier}'
        self.display('')
        self.main.RemoveObject(path)
        self.signal('SessionRemoved', 'so', identifier, dbus.ObjectPath(path))

    def at(self, identifier):
        return mockobject.objects[f'/org/freedesktop/login1/session/{identifier}']

    def set(self, identifier, **properties):
        self.at(identifier).props[SESSION].update(properties)
        self.changed(self.at(identifier), SESSION, properties, [])

    def invalidate(self, identifier, **properties):
        """They change, and the signal does not say to what."""
        self.at(identifier).props[SESSION].update(properties)
        self.changed(self.at(identifier), SESSION, {}, list(properties))

    def sleep(self, begins):
        self.main.props[MANAGER]['PreparingForSleep'] = dbus.Boolean(begins)
        self.signal('PrepareForSleep', 'b', begins)


class ScreenSaver(Service):
    def __init__(self, which, lock='rig.services["saver"].set(True)'):
        name, path = SCREEN_SAVERS[which]
        super().__init__(name, path, name)
        self.active = False
        services['saver'] = self
        self.method('Lock', '', '', lock)
        self.method('GetActive', '', 'b', 'ret = rig.services["saver"].active')

    def set(self, active):
        self.active = active
        self.signal('ActiveChanged', 'b', active)


class Notifications(Service):
    def __init__(self, *capabilities):
        super().__init__(NOTIFICATIONS, '/org/freedesktop/Notifications', NOTIFICATIONS)
        self.method('GetCapabilities', '', 'as',
                    f'ret = dbus.Array({list(capabilities)!r}, signature="s")')
        self.method('Notify', 'susssasa{sv}i', 'u', 'ret = dbus.UInt32(args[1] or 7)')


class Systemd(Service):
    def __init__(self, start='pass', state='active'):
        super().__init__(SYSTEMD, '/org/freedesktop/systemd1', SYSTEMD + '.Manager')
        self.method('StartTransientUnit', 'ssa(sv)a(sa(sv))', 'o',
                    f'{start}\nret = "/org/freedesktop/systemd1/job/1"')
        self.main.AddObject('/org/freedesktop/systemd1/unit/lanyard_2dlock_2eservice',
                            SYSTEMD + '.Unit', {'ActiveState': state}, [])

    def job(self, result):
        self.signal('JobRemoved', 'uoss', dbus.UInt32(1),
                    dbus.ObjectPath('/org/freedesktop/systemd1/job/1'), 'lanyard-lock.service', result)


def inhibitor():
    ours, theirs = os.pipe()

    def let_go(descriptor, _):
        os.close(descriptor)
        say('let-go')
        return False

    GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, ours, GLib.IO_HUP, let_go)
    handed = dbus.types.UnixFd(theirs)
    os.close(theirs)
    return handed


def peers(pid):
    """The unique names of a process."""
    driver = bus.get_object('org.freedesktop.DBus', '/org/freedesktop/DBus')
    for name in driver.ListNames(dbus_interface='org.freedesktop.DBus'):
        if name.startswith(':') and driver.GetConnectionUnixProcessID(
                name, dbus_interface='org.freedesktop.DBus') == pid:
            yield name


def forge(pid, path, interface, member, types, *args):
    """A signal to that process alone from somebody who owns no name."""
    stranger = dbus.bus.BusConnection(address)
    for name in list(peers(pid)):
        message = dbus.lowlevel.SignalMessage(path, interface, member)
        message.set_destination(name)
        message.append(*args, signature=types)
        stranger.send_message(message)
    stranger.flush()
    stranger.close()


names = {}  # dbus-python gives a name up when it forgets it, which leave() does instead
services = {}
rig = sys.modules[__name__]
mockobject.rig = rig
pending = b''


def hear(descriptor, _):
    global pending
    data = os.read(descriptor, 65536)
    if not data:
        loop.quit()
        return False
    *lines, pending = (pending + data).split(b'\n')
    for line in lines:
        try:
            exec(line.decode(), globals())  # pylint: disable=exec-used
        except Exception:  # the test is told by the end of this
            traceback.print_exc()
            os._exit(1)
        say('done')
    return True


GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, 0, GLib.IO_IN | GLib.IO_HUP, hear)
say('ready')
loop.run()
