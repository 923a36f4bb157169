/* SPDX-License-Identifier: MIT */
/*
 * The card is ours alone from the first PIN to the logout: while its PIN is verified, any program
 * that reaches it signs without one.
 *
 * Between the two, what the module ends as a PC/SC transaction goes on, so that everybody else's
 * commands are refused or wait; at the end the card is reset before anybody's can begin, because a
 * logout leaves some verified. It reaches modules that are linked to libpcsclite, and OpenSC, which
 * is told to look its functions up here (hold_configure_opensc); no others. Main thread.
 *
 * One gap is pcscd's own (1.9.9), and can be made small but not closed from here: SCardTransmit
 * looks whether somebody else has a transaction (RFCheckSharing), then waits for the reader (mMutex
 * in IFDTransmit), and does not look again. A command that another program sent without a
 * transaction of its own, and that was between the two when ours began, runs inside it. So between
 * our transaction's beginning and the PIN there is a while in which such commands come through
 * (hold.c). Left over are those that the scheduler keeps from going on for longer than that while,
 * at that very spot; how long it may do so has no limit. An exclusive connection would prove that
 * there are none, but pcscd gives that only to the one program that is connected at all.
 */
#pragma once

/* Has OpenSC, if it is loaded afterwards, take its settings from this program only: neither a
 * file's nor the environment's can have the PIN written to a log, or load foreign code. 0 or
 * -errno. */
int hold_configure_opensc(void);

/* Before a PIN goes out; again before the next changes nothing. Until hold_end no other connection
 * of this process may ask for a transaction or connect to this card: it would wait for itself. */
void hold_begin(void);
/* After the logout. The card is reset, if one was held. */
void hold_end(void);
