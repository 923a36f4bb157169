// SPDX-License-Identifier: MIT
//
// A session endpoint that misbehaves on command, for tests of agents.
//
//   const fault = op.fault({ status: 503, retryAfter: 30 });   // until fault.lift()
//   op.fault({ on: 'POST /challenge', times: 1, cut: 'answer' });
//   const slow = op.fault({ on: /^PUT/, hold: true });
//   await slow.reached; ... slow.lift();                        // then it is answered as usual
//
// on      which requests: a regular expression over, or the whole of, the method and the path below
//         the endpoint ("GET /SID"); all unless given
// times   how many of them; all until it is lifted unless given
// delay   milliseconds before anything else happens; hold: until the fault is lifted; hold: 'answer':
//         does what was asked, and answers when the fault is lifted
// status  answered instead, with retryAfter (seconds, or any text) as Retry-After
// garbage answered instead, with status 200: true for bytes that are no JSON, or a text of one's own
// cut     'request': hangs up instead of answering; 'answer': does what was asked and hangs up then;
//         'middle': hangs up in the middle of an answer
//
// Several faults: the first that fits a request.

export function makeFaults() {
  const faults = [];

  function fault(what) {
    const entry = { ...what, left: what.times ?? Infinity };
    const reached = new Promise((resolve) => { entry.seen = resolve; });
    const lifted = new Promise((resolve) => { entry.go = resolve; });
    faults.push(Object.assign(entry, { lifted }));
    return {
      reached, // resolves with the first request that it meets
      lift() {
        entry.left = 0;
        entry.go();
      },
    };
  }

  // Resolves with whether the request has been dealt with.
  async function strike(request, response, path) {
    const name = `${request.method} ${path || '/'}`;
    const entry = faults.find(({ on, left }) => left > 0 && matches(on, name));
    if (!entry) return false;
    entry.left -= 1;
    entry.seen();
    if (entry.delay) await new Promise((resolve) => { setTimeout(resolve, entry.delay).unref(); });
    if (entry.hold === 'answer') answerLater(response, entry.lifted);
    else if (entry.hold) await entry.lifted;
    if (entry.cut === 'request') return hangUp(response);
    if (entry.cut === 'middle') return half(response);
    if (entry.cut === 'answer') response.end = () => hangUp(response);
    if (entry.status) return refuse(response, entry);
    if (entry.garbage) return talkNonsense(response, entry.garbage);
    return false;
  }

  return { fault, strike };
}

function matches(on, name) {
  if (on === undefined) return true;
  return on instanceof RegExp ? on.test(name) : on === name;
}

function hangUp(response) {
  response.destroy();
  return true;
}

function answerLater(response, then) {
  const end = response.end.bind(response);
  response.end = (...all) => then.then(() => end(...all));
}

function half(response) {
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': 1000 });
  response.write('{"sid": "', () => response.destroy());
  return true;
}

function refuse(response, { status, retryAfter }) {
  response.writeHead(status, retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) });
  response.end();
  return true;
}

function talkNonsense(response, garbage) {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(garbage === true ? '\x00<html>{"sid":' : garbage);
  return true;
}
