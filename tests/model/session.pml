/* SPDX-License-Identifier: MIT */
/*
 * The session in every order of events: agent/session/session.h's states, and around them a person with two
 * cards and one reader, a prompt, a desktop that sleeps, a server behind a network that fails, a
 * disk, and somebody who kills the agent. tests/model/run says how it is checked.
 *
 * The machine learns of the world through a queue, so the world may have moved on by the time an
 * event is handled; what was handled counts. Time is nobody's: every timer may fire whenever it is
 * armed. Numbers are reused when nothing remembers them any more.
 *
 * MODE is 0 normal, 1 enhanced normal, 2 lock persistence, 3 mobility; GRACE 0 or 1.
 *
 * What the server opens is provisional until the agent has spoken to it with the session's key: a
 * provisional session ends by itself there. Without that, an answer lost on the way, or an agent
 * killed before the answer, would leave a session that nobody can end.
 *
 * BROKEN_... are mutations, each of which a check must find.
 */
#ifndef MODE
#define MODE 0
#endif
#ifndef GRACE
#define GRACE 0
#endif

#ifndef CARDS
#define CARDS 2 /* 1, 2 */
#endif
#ifndef NUMBERS
#define NUMBERS 1 /* sign-ins that the server may remember at once: 1, 2 */
#endif
#ifndef KILLS
#define KILLS 1
#endif
/* SLEEPS: the card can get out of sight. FAILS: the network can fail. */

#define MOBILE (MODE == 3)
#define LOCKS (MODE == 2)
#define ENHANCED (MODE == 1)

mtype = { NONE, AUTHENTICATING, OPENING, ACTIVE, CHECKING, LEAVING, LOCKED, ENDED }
mtype = { CARD_IN, CARD_OUT, CARD_MISSING, SIGNED, FAILED, OPENED, REFUSED, GONE, HIDE, SHOW }
mtype = { NOBODY, PROVISIONAL, CLAIMED } /* a session at the server */

chan events = [2] of { mtype, byte, byte } /* what; whose card; the number */

/* ---- the world ---- */

byte reader        /* whose card is in: 0 none, 1, 2 */
bool blind         /* the agent sees no cards: asleep, or pcscd is down */
bool net = true
byte unhandled     /* removals and blindings in the queue */
mtype server[3] = NOBODY /* by the session's number, 1 and 2 */
bool queued[3]     /* on disk: the end of that session */
byte asked         /* the server is being asked to open that session */
byte kills = KILLS

/* ---- the agent's memory, and what survives it ---- */

mtype state = NONE
byte who, number, prompt, prompts
bool card, covered, screen, armed, look

mtype sealed = NONE /* NONE nothing, ACTIVE, LOCKED, ENDED */
byte sealed_who, sealed_number

#define live (state == ACTIVE || state == CHECKING || state == LEAVING || state == LOCKED)

/* ---- moves ---- */

inline enter(to)
{
    state = to
#ifdef BROKEN_WAIT
    armed = (to == LEAVING || (to == CHECKING && !covered))
#else
    armed = (to == OPENING || to == LEAVING || (to == CHECKING && !covered))
#endif
    look = (to == CHECKING && !covered)
}

inline seal(what)
{
    sealed = what
    sealed_who = who
    sealed_number = number
}

inline ask()
{
    if
    :: prompt == 0 -> prompts = prompts % 3 + 1; prompt = prompts
    :: else
    fi
}

inline nobody()
{
    enter(NONE)
    prompt = 0
    who = 0
    number = 0
    card = false
}

inline lock()
{
    enter(LOCKED)
    prompt = 0
    seal(LOCKED)
}

inline end()
{
    enter(ENDED)
    prompt = 0
    card = false
    seal(ENDED)
}

/* A removal whose grace, if any, is over. */
inline handle_removal()
{
    if
    :: state == OPENING && !MOBILE -> nobody()
    :: live && (MODE == 0 || ENHANCED) -> end()
    :: live && LOCKS -> lock()
    :: (state == CHECKING || state == LEAVING) && MOBILE -> lock()
    :: else
    fi
}

inline card_out()
{
    if
    :: card && (live || state == OPENING) ->
        card = false
        if
        :: covered
        :: !covered && GRACE && !MOBILE && (state == ACTIVE || state == CHECKING) ->
            prompt = 0
            enter(LEAVING)
        :: !covered && GRACE && !MOBILE && state == LOCKED -> prompt = 0; armed = true
        :: else -> handle_removal()
        fi
    :: else
    fi
}

inline card_in(whose)
{
    if
    :: !live && state != OPENING
    :: (live || state == OPENING) && whose == who ->
        card = true
        if
        :: !covered && (state == CHECKING || state == LEAVING) -> enter(ACTIVE)
        :: !covered && state == LOCKED -> armed = false; ask()
        :: else
        fi
    :: (live || state == OPENING) && whose != who ->
        if
        :: covered || card || state == CHECKING
        :: else ->
            if
            :: state == OPENING -> nobody()
            :: else -> end()
            fi
        fi
    fi
}

inline cover()
{
    covered = true
    if
    :: state == AUTHENTICATING || state == OPENING -> nobody()
    :: state == ACTIVE || state == CHECKING -> prompt = 0; enter(CHECKING)
    :: state == LOCKED -> prompt = 0
    :: else
    fi
}

inline uncover()
{
    covered = false
    if
    :: state == ACTIVE || state == CHECKING ->
        prompt = 0
#ifdef BROKEN_CHECK
        enter(ACTIVE)
#else
        enter(CHECKING)
#endif
    :: state == LEAVING || state == LOCKED -> look = true
    :: else
    fi
}

/* signer's card is still in, as far as the agent knows, or need not be. */
inline signed(signer, ceremony, present)
{
    if
    :: prompt == 0 || ceremony != prompt
    :: else ->
        prompt = 0
        if
        :: !present && !MOBILE ->
            if
            :: state == AUTHENTICATING -> nobody()
            :: else
            fi
        :: else ->
            if
            :: state == AUTHENTICATING ->
                who = signer
                card = present
                enter(OPENING)
                asked = number
#ifdef BROKEN_RESUME
            :: state == LOCKED ->
                card = present
                who = signer
#else
            :: state == LOCKED && signer == who ->
                card = present
#endif
                assert(signer == sealed_who) /* no resume with another card */
                enter(ACTIVE)
                seal(ACTIVE)
            :: state == ACTIVE && signer == who -> card = present /* a step-up */
            :: else /* another's card: refused, whatever it was for */
            fi
        fi
    fi
}

inline opened(which)
{
    if
    :: state == OPENING && which == number ->
        enter(ACTIVE)
        seal(ACTIVE)
        server[which] = CLAIMED
    :: which != number || state == AUTHENTICATING -> queued[which] = true /* a stray */
    :: else
    fi
}

/* ---- the agent ---- */

/* A card counts as in when that is the last thing the agent heard of the reader. */
byte heard

proctype agent()
{
    mtype what
    byte a, b
    do
    :: atomic {
        events?what(a, b) ->
        if
        :: what == CARD_IN -> heard = a; card_in(a)
        :: what == CARD_OUT ->
            heard = 0
            unhandled--
            if
            :: a == who -> card_out()
            :: else
            fi
        :: what == CARD_MISSING ->
            if
            :: !covered && (state == CHECKING || card) && (live || state == OPENING) ->
                card = false
                handle_removal()
            :: else
            fi
        :: what == SIGNED -> signed(a, b, (heard == a))
        :: what == FAILED ->
            if
            :: prompt == 0 || b != prompt
            :: else ->
                prompt = 0
                if
                :: state == AUTHENTICATING -> nobody()
                :: else
                fi
            fi
        :: what == OPENED -> opened(b)
        :: what == REFUSED ->
            if
            :: state == OPENING && b == number -> nobody()
            :: else
            fi
        :: what == GONE ->
            if
            :: live && b == number -> end()
            :: else
            fi
        :: what == HIDE -> unhandled--; cover()
        :: what == SHOW -> uncover()
        fi
        what = NONE; a = 0; b = 0
       }
    od
}

#define number_is_free(n) (server[n] == NOBODY && !queued[n] && asked != n && !told_of(n))
#define told_of(n) (events??[OPENED, 0, n] || events??[REFUSED, 0, n] || events??[GONE, 0, n])

/* Pages and programs: a proof where there may be one, else a prompt. */
active proctype pages()
{
    do
    :: atomic {
        state == ACTIVE ->
        /* no proof after the end of a removal's handling, nor while the card cannot be seen */
        assert(reader == who || unhandled > 0 || MOBILE)
        assert(!covered && server[number] != PROVISIONAL)
       }
    :: atomic { (state == ACTIVE || state == LOCKED) && !covered && prompt == 0 -> ask() }
    :: atomic {
        state == NONE && !covered && number_is_free(1) -> number = 1; enter(AUTHENTICATING); ask()
       }
    :: atomic {
        NUMBERS == 2 && state == NONE && !covered && number_is_free(2) -> number = 2; enter(AUTHENTICATING); ask()
       }
    od
}

/* The state's own wait. */
active proctype timer()
{
    do
    :: atomic {
        armed ->
        armed = false
        if
        :: state == OPENING -> nobody()
        :: else -> handle_removal()
        fi
       }
    od
}

/* Idle and absolute limit, signing out; nobody answers a prompt for ever. */
active proctype limits()
{
    do
    :: atomic { live -> end() }
    :: atomic { state == AUTHENTICATING -> nobody() }
    od
}

/* Enhanced normal's locked desktop, mobility's timer. */
#if MODE == 1 || MODE == 3
active proctype pin_owed()
{
    do
    :: atomic {
        state == ACTIVE || state == CHECKING || state == LEAVING ->
        bool waits = (state == LEAVING)
        lock()
        armed = waits
       }
    od
}
#endif

/* VERIFY. */
active proctype looker()
{
    do
    :: atomic {
        look && !blind && nfull(events) ->
        look = false
        if
        :: reader == who -> events!CARD_IN(who, 0)
        :: else -> events!CARD_MISSING(0, 0)
        fi
       }
    od
}

/* ---- the person ---- */

active proctype person()
{
    do
    :: atomic {
        reader == 0 && nfull(events) ->
        if
        :: reader = 1
        :: CARDS == 2 -> reader = 2
        fi
        if
        :: !blind -> events!CARD_IN(reader, 0)
        :: else
        fi
       }
    :: atomic {
        reader != 0 && nfull(events) ->
        if
        :: !blind -> events!CARD_OUT(reader, 0); unhandled++
        :: else
        fi
        reader = 0
       }
    :: atomic { prompt != 0 && reader != 0 && nfull(events) -> events!SIGNED(reader, prompt) }
    :: atomic { prompt != 0 && nfull(events) -> events!FAILED(0, prompt) }
    od
}

/* Sleep and resume, pcscd's death and return: nothing is seen from its beginning on. */
#ifdef SLEEPS
active proctype desktop()
{
    do
    :: atomic { !blind && nfull(events) -> blind = true; events!HIDE(0, 0); unhandled++ }
    :: atomic { blind && nfull(events) -> blind = false; events!SHOW(0, 0) }
    od
}

#endif

/* ---- the server and the way to it ---- */

#ifdef FAILS
active proctype network()
{
    do
    :: net -> net = false
    :: !net -> net = true
    od
}
#endif

active proctype op()
{
    do
    :: atomic {
        asked != 0 && net && nfull(events) ->
        if
        :: server[asked] = PROVISIONAL; events!OPENED(0, asked)
#ifdef FAILS
        :: server[asked] = PROVISIONAL /* the answer is lost */
#endif
        :: events!REFUSED(0, asked)
        fi
        asked = 0
       }
    :: atomic { asked != 0 && state != OPENING -> asked = 0 /* it was never sent */ }
    :: atomic {
        live && net && server[number] == CLAIMED && nfull(events) ->
        server[number] = NOBODY
        events!GONE(0, number)
       }
    od
}

proctype op_limits(byte n)
{
    do
    :: atomic { server[n] == PROVISIONAL && !events??[OPENED, 0, eval(n)] -> server[n] = NOBODY }
    od
}

/* The end is put on disk, then the machine may be none: SETTLED. */
active proctype disk()
{
    do
    :: atomic {
        state == ENDED ->
        queued[number] = true
        nobody()
        sealed = NONE; sealed_who = 0; sealed_number = 0
       }
    od
}

proctype courier(byte n)
{
    do
    :: atomic { queued[n] && net -> server[n] = NOBODY; queued[n] = false }
    od
}

/* ---- kill -9, and a new agent ---- */

active proctype killer()
{
    mtype what
    byte a, b
    do
    :: atomic {
        kills > 0 ->
        kills--
        do /* what the old one had not heard it never will */
        :: nempty(events) -> events?what(a, b)
        :: empty(events) -> break
        od
        what = NONE; a = 0; b = 0
        unhandled = 0
        covered = blind
        heard = 0
        asked = 0
        nobody()
        if
        :: sealed == NONE
        :: else ->
            who = sealed_who
            number = sealed_number
            if
            :: sealed == ACTIVE -> enter(CHECKING)
            :: sealed == LOCKED -> enter(LOCKED); look = !covered
#ifdef BROKEN_RESTART
            :: sealed == ENDED -> nobody(); sealed = NONE
#else
            :: sealed == ENDED -> enter(ENDED)
#endif
            fi
        fi
        if
        :: !blind && reader != 0 -> events!CARD_IN(reader, 0)
        :: else
        fi
       }
    od
}

init
{
    atomic {
        run agent()
        run op_limits(1)
        run courier(1)
#if NUMBERS == 2
        run op_limits(2)
        run courier(2)
#endif
    }
}

/* Every state leads out, all the way. */
ltl way_out { [] (state != NONE -> <> (state == NONE)) }

/* A session that the server holds and the agent does not is ended there, once the network, after
 * any number of failures, is back. */
#define owed(n) (server[n] != NOBODY && !(number == n && (live || state == OPENING)))
ltl told { (<> [] net) -> [] ((owed(1) -> <> !owed(1)) && (owed(2) -> <> !owed(2))) }
