#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# What a screen reader sees of lanyard-chooser's window, and what a person does with one, over AT-SPI.
# Each line on standard input is a request, each line on standard output its answer in JSON:
#
#   tree           the window as {role, name, description, states, text, children}, without what
#                  is inside a list item; null: none
#   select NAME    marks the list item of that name; true or false
#   press NAME     presses the button of that name; true or false
#
# Python, because the interface's own library speaks it and Debian has that.

import json
import sys
import warnings

import gi

gi.require_version('Atspi', '2.0')
from gi.repository import Atspi, GLib  # noqa: E402

warnings.simplefilter('ignore')
PROGRAM = 'lanyard-chooser'


def children(node):
    return [child for child in map(node.get_child_at_index, range(node.get_child_count())) if child]


# The desktop is what this library remembers of it; each request looks afresh.
def window():
    desktop = Atspi.get_desktop(0)
    desktop.clear_cache()
    for application in children(desktop):
        if application.get_name() == 'Lanyard' or application.get_name() == PROGRAM:
            for found in children(application):
                return found
    return None


def text_of(node, role):
    if role not in ('entry', 'status bar'):
        return None
    try:
        return Atspi.Text.get_text(node, 0, Atspi.Text.get_character_count(node))
    except GLib.Error:
        return None


def describe(node):
    role = node.get_role_name()
    inner = [] if role == 'list item' else children(node)
    return {
        'role': role,
        'name': node.get_name(),
        'description': node.get_description(),
        'states': [state.value_nick for state in node.get_state_set().get_states()],
        'text': text_of(node, role),
        'children': [describe(child) for child in inner],
    }


def find(node, role, name):
    if node.get_role_name() == role and node.get_name() == name:
        return node
    for child in children(node):
        found = find(child, role, name)
        if found:
            return found
    return None


def select(root, name):
    item = find(root, 'list item', name)
    return bool(item) and Atspi.Selection.select_child(item.get_parent(),
                                                       item.get_index_in_parent())


def press(root, name):
    button = find(root, 'push button', name)
    return bool(button) and Atspi.Action.do_action(button, 0)


def answer(request):
    what, _, name = request.partition(' ')
    root = window()
    if root is None:
        return None
    return {'tree': lambda: describe(root), 'select': lambda: select(root, name),
            'press': lambda: press(root, name)}[what]()


Atspi.init()
Atspi.set_timeout(2000, 2000)
print('ready', flush=True)
for line in sys.stdin:
    try:
        print(json.dumps(answer(line.rstrip('\n'))), flush=True)
    except GLib.Error:  # the window went while it was looked at
        print('null', flush=True)
