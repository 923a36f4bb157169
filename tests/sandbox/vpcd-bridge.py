#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# vpcd-bridge.py READER PORT: carries the card that lies in a virtual reader (a Unix socket of
# lanyard-virtual-card, reader/link_protocol.h) to the stock vpcd driver, which listens on TCP port
# PORT of the same network namespace. vpcd-bridge.mjs starts it there.
#
# vpcd takes a connection for a card and its end for the card's removal. On it every message is a
# 16-bit big-endian length and that many bytes; one byte from the driver is an order (0 off, 1 on,
# 2 reset, 4 tell the ATR), anything longer a command APDU. Only the ATR and APDUs are answered.
#
# One thread, one poll. The only timer: vpcd begins to listen when pcscd gets its first client, and
# nothing tells when, so a card that is in knocks until it is let in. Python, because Node knows
# no SOCK_SEQPACKET.

import select
import socket
import struct
import sys
import time

OFF, ON, RESET, TELL_ATR = b'\x00', b'\x01', b'\x02', b'\x04'
KNOCK_AGAIN_MS = 50
# vpcd looks every 400 ms. Had it not looked while no card was in, pcscd could keep the reader
# for empty ever after: a reset that fails on the way out says so to its clients, but not to its
# own watcher. No hand is as quick.
OUT_S = 1.0
PACKET_MAX = 16384


class Bridge:
    def __init__(self, reader, port):
        self.port = port
        self.reader = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.reader.connect(reader)
        self.vpcd = None  # the connection that stands for the card
        self.atr = None  # of the card that is in
        self.received = b''
        self.asked = False  # a command APDU is under way
        self.out_since = 0.0

    def run(self):
        while True:
            poll = select.poll()
            poll.register(self.reader, select.POLLIN)
            if self.vpcd:
                poll.register(self.vpcd, select.POLLIN)
            knocking = self.atr is not None and self.vpcd is None
            ready = {fd for fd, _ in poll.poll(KNOCK_AGAIN_MS if knocking else None)}
            if self.vpcd and self.vpcd.fileno() in ready:
                self.hear_vpcd()
            if self.reader.fileno() in ready and not self.hear_reader():
                return
            if self.atr is not None and self.vpcd is None:
                self.knock()

    def knock(self):
        if time.monotonic() - self.out_since < OUT_S:
            return
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            connection.connect(('127.0.0.1', self.port))
        except ConnectionRefusedError:
            connection.close()
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.vpcd = connection

    def hang_up(self):
        if self.vpcd:
            self.vpcd.close()
            self.out_since = time.monotonic()
        self.vpcd = None
        self.received = b''
        self.asked = False

    def hear_reader(self):
        packet = self.reader.recv(PACKET_MAX)
        kind, body = packet[:1], packet[1:]
        if kind == b'R':
            if self.asked:
                self.asked = False
                self.tell_vpcd(body)
        elif kind == b'I':
            self.hang_up()  # whatever was in before
            self.atr = body
        elif kind in (b'E', b'X'):
            self.hang_up()
            self.atr = None
        return bool(packet)

    def hear_vpcd(self):
        # Without this the kernel holds back the acknowledgement for 40 ms, and vpcd, which sends
        # length and body separately, waits for it. It has to be said each time.
        self.vpcd.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        try:
            data = self.vpcd.recv(PACKET_MAX)
        except ConnectionResetError:
            data = b''
        if not data:
            self.hang_up()
            return
        self.received += data
        while self.vpcd and len(self.received) >= 2:
            size, = struct.unpack('>H', self.received[:2])
            if len(self.received) < 2 + size:
                return
            message, self.received = self.received[2:2 + size], self.received[2 + size:]
            self.obey(message)

    def obey(self, message):
        if len(message) > 1:
            self.asked = True
            self.reader.send(b'C' + message)
        elif message == TELL_ATR:
            self.tell_vpcd(self.atr)
        elif message == OFF:
            self.reader.send(b'D')
        elif message in (ON, RESET):
            self.reader.send(b'U')

    def tell_vpcd(self, body):
        try:
            self.vpcd.sendall(struct.pack('>H', len(body)) + body)
        except (BrokenPipeError, ConnectionResetError):
            self.hang_up()


if len(sys.argv) != 3:
    sys.exit('usage: vpcd-bridge.py READER PORT')
Bridge(sys.argv[1], int(sys.argv[2])).run()
