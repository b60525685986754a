import { describe, expect, it } from 'vitest';
import type { Message } from '../src/api.js';
import { type Effect, FIRST_WAIT_MS, LONGEST_WAIT_MS, MOST_WAITING, OPEN_MS, Session } from '../src/protostub/session.js';

const STUB = 'runtime://d.test/protostub/p1';
const RUNTIME = 'runtime://d.test/r1';

function session(random = 0): Session {
  return new Session({ stub: STUB, runtime: RUNTIME, random: () => random });
}

/** Effects in a word each. */
function words(effects: readonly Effect[]): string[] {
  return effects.map((effect) => {
    switch (effect.do) {
      case 'send': return `send ${(JSON.parse(effect.text) as Message).type}`;
      case 'deliver': return `deliver ${effect.message.type} ${String(effect.message.body?.['code'] ?? '')}`.trim();
      case 'tell': return effect.status;
      default: return effect.do;
    }
  });
}

function sent(effects: readonly Effect[]): Message[] {
  return effects.flatMap((effect) => (effect.do === 'send' ? [JSON.parse(effect.text) as Message] : []));
}

const ping = (id: number): Message => ({ id, type: 'ping', from: 'hyperty://d.test/h1', to: 'hyperty://d.test/h2', body: { n: id } });
const reply = (id: number, body: object): string => JSON.stringify({ id, type: 'response', from: 'mn:/session', to: RUNTIME, body });

/** A session that is live, under the token `t`. */
function live(random = 0): Session {
  const one = session(random);
  one.outgoing(ping(1), 0);
  one.opened(0);
  one.incoming(reply(1, { code: 200, runtimeToken: 't' }), 0);
  one.drain();
  return one;
}

describe('a session with a message node', () => {
  it('opens with the first message, and sends in order what has waited', () => {
    const one = session();
    expect(words(one.drain())).toEqual(['created']);
    one.outgoing(ping(1), 0);
    expect(words(one.drain())).toEqual(['in-progress', 'connect']);
    one.outgoing(ping(2), 0);
    one.opened(0);
    const asked = one.drain();
    expect(sent(asked)).toEqual([{ id: 1, type: 'open', from: RUNTIME, to: 'mn:/session' }]);
    one.outgoing(ping(3), 0);
    expect(one.drain()).toEqual([]);
    one.incoming(reply(1, { code: 200, runtimeToken: 't' }), 0);
    const effects = one.drain();
    expect(words(effects)).toEqual(['live', 'send ping', 'send ping', 'send ping']);
    expect(sent(effects).map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(one.address).toBe(`${RUNTIME}/t`);
    expect(one.due).toBeUndefined();
  });

  it('marks what passes with its own address, and changes no message of others', () => {
    const one = live();
    const message = ping(7);
    one.outgoing(message, 0);
    const without: Message = { id: 8, type: 'ping', from: 'hyperty://d.test/h1', to: 'hyperty://d.test/h2' };
    one.outgoing(without, 0);
    expect(sent(one.drain()).map(({ body }) => body)).toEqual([{ n: 7, via: STUB }, { via: STUB }]);
    expect([message.body, without.body]).toEqual([{ n: 7 }, undefined]);
    one.incoming(JSON.stringify({ ...message, from: 'a://b', unknown: 1 }), 0);
    const [delivered] = one.drain();
    expect(delivered).toEqual({ do: 'deliver', message: { ...message, from: 'a://b', unknown: 1, body: { n: 7, via: STUB } } });
  });

  it('lets nothing pass twice, and nothing out that is between the runtime and its sandboxes', () => {
    const one = live();
    one.incoming(JSON.stringify({ ...ping(1), body: { via: STUB } }), 0);
    for (const message of [
      { ...ping(1), body: { via: STUB } },
      { ...ping(1), from: STUB },
      { ...ping(1), to: STUB },
      { ...ping(1), to: `${STUB}/status` },
      { ...ping(1), to: 'hyperty-runtime://sandbox/internal' },
      { ...ping(1), to: 'domain-idp://d.test' },
      { ...ping(1), to: [] },
    ]) one.outgoing(message, 0);
    expect(one.drain()).toEqual([]);
    one.outgoing({ ...ping(1), to: ['hyperty://d.test/h2', 'hyperty://d.test/h3'] }, 0);
    expect(words(one.drain())).toEqual(['send ping']);
  });

  it('goes on with its session after a loss, under the token that it has', () => {
    const one = live();
    one.lost('gone', 1_000);
    expect(words(one.drain())).toEqual(['disconnected']);
    expect(one.due).toBe(1_000 + FIRST_WAIT_MS / 2);
    one.time(1_000 + FIRST_WAIT_MS / 2 - 1);
    expect(one.drain()).toEqual([]);
    one.time(1_000 + FIRST_WAIT_MS / 2);
    expect(words(one.drain())).toEqual(['in-progress', 'connect']);
    one.opened(2_000);
    expect(sent(one.drain())).toEqual([{ id: 2, type: 're-open', from: `${RUNTIME}/t`, to: 'mn:/session' }]);
    one.incoming(reply(2, { code: 200 }), 2_000);
    expect(words(one.drain())).toEqual(['live']);
    expect(one.address).toBe(`${RUNTIME}/t`);
  });

  it('opens afresh where the node has forgotten it', () => {
    const one = live();
    one.lost('gone', 0);
    one.time(FIRST_WAIT_MS);
    one.opened(0);
    one.drain();
    one.incoming(reply(2, { code: 500, desc: 'Reconnection fail. Incorrect runtime token!' }), 0);
    expect(sent(one.drain())).toEqual([{ id: 3, type: 'open', from: RUNTIME, to: 'mn:/session' }]);
    one.incoming(reply(3, { code: 200, runtimeToken: 'u' }), 0);
    expect(words(one.drain())).toEqual(['live']);
    expect(one.address).toBe(`${RUNTIME}/u`);
  });

  it('comes back at once when somebody has something to say, once', () => {
    const one = live();
    one.lost('gone', 0);
    one.drain();
    one.outgoing(ping(2), 1);
    expect(words(one.drain())).toEqual(['in-progress', 'connect']);
    one.lost('still gone', 2);
    // The message that has waited is answered, so that its sender need not wait for a timeout.
    expect(words(one.drain())).toEqual(['disconnected', 'deliver response 503']);
    one.outgoing(ping(3), 3);
    expect(one.drain()).toEqual([]);
    one.time(3 + 2 * FIRST_WAIT_MS);
    one.opened(3);
    one.incoming(reply(2, { code: 200 }), 3);
    expect(words(one.drain())).toEqual(['in-progress', 'connect', 'send re-open', 'live', 'send ping']);
  });

  it('waits longer and longer, and never for ever', () => {
    const one = live(0.999_999);
    const waits: number[] = [];
    for (let attempt = 0; attempt < 12; attempt += 1) {
      one.lost('gone', 0);
      waits.push(Math.round(one.due ?? 0));
      one.time(one.due ?? 0);
    }
    expect(waits.slice(0, 3)).toEqual([FIRST_WAIT_MS, 2 * FIRST_WAIT_MS, 4 * FIRST_WAIT_MS]);
    expect(Math.max(...waits)).toBe(LONGEST_WAIT_MS);
  });

  it('tells a refused session, and takes nothing for a session that is none', () => {
    const one = session();
    one.outgoing(ping(1), 0);
    one.opened(0);
    one.drain();
    for (const stray of ['', '{', '[]', '"x"', '{"type":"x"}', reply(9, { code: 200 }), JSON.stringify({ type: 'update', from: 'mn:/session', to: RUNTIME })]) one.incoming(stray, 0);
    expect(one.drain()).toEqual([]);
    one.incoming(reply(1, { code: 'error', desc: 'no' }), 0);
    const effects = one.drain();
    expect(words(effects)).toEqual(['hang-up', 'failed', 'deliver response 503']);
    expect(effects[1]).toEqual({ do: 'tell', status: 'failed', why: 'no' });
  });

  it('does not wait for ever for a node that is silent', () => {
    const one = session();
    one.outgoing(ping(1), 0);
    expect(one.due).toBe(OPEN_MS);
    one.opened(5);
    one.drain();
    one.time(OPEN_MS + 5);
    expect(words(one.drain())).toEqual(['hang-up', 'disconnected', 'deliver response 503']);
    // An answer that comes after all is of no session.
    one.incoming(reply(1, { code: 200 }), OPEN_MS + 6);
    expect(one.drain()).toEqual([]);
  });

  it('keeps so many messages and refuses more', () => {
    const one = session();
    for (let id = 1; id <= MOST_WAITING + 2; id += 1) one.outgoing(ping(id), 0);
    expect(words(one.drain()).filter((word) => word.startsWith('deliver'))).toEqual(['deliver response 503', 'deliver response 503']);
    // Nobody waits for an answer to an answer.
    one.outgoing({ ...ping(1), type: 'response' }, 0);
    expect(one.drain()).toEqual([]);
  });

  it('closes and stays away until it is told otherwise', () => {
    const one = live();
    one.disconnect();
    const effects = one.drain();
    expect(sent(effects)).toEqual([{ id: 2, type: 'close', from: `${RUNTIME}/t`, to: 'mn:/session' }]);
    expect(words(effects)).toEqual(['send close', 'hang-up', 'disconnected']);
    one.outgoing(ping(1), 0);
    one.lost('closed', 0);
    one.time(1e9);
    expect(words(one.drain())).toEqual(['deliver response 503']);
    one.connectNow(0);
    one.opened(0);
    expect(sent(one.drain())).toEqual([{ id: 3, type: 'open', from: RUNTIME, to: 'mn:/session' }]);
  });

  it('survives whatever comes, in any order', () => {
    // Mulberry32: the same steps each time.
    let seed = 7;
    const random = (): number => {
      seed = (seed + 0x6d2b79f5) | 0;
      let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
    const one = session(0.5);
    let [now, connected] = [0, 0];
    for (let step = 0; step < 20_000; step += 1) {
      now += random() * 2_000;
      const id = Math.floor(random() * 40);
      const acts = [
        () => { one.outgoing(ping(id), now); },
        () => { one.opened(now); },
        () => { one.incoming(reply(id, { code: random() < 0.5 ? 200 : 500, runtimeToken: 'x' }), now); },
        () => { one.incoming(JSON.stringify(ping(id)), now); },
        () => { one.lost('x', now); },
        () => { one.time(now); },
        () => { if (random() < 0.1) one.disconnect(); },
        () => { if (random() < 0.3) one.connectNow(now); },
      ];
      acts[Math.floor(random() * acts.length)]!();
      for (const effect of one.drain()) {
        if (effect.do === 'connect') connected += 1;
        if (effect.do === 'hang-up') connected = 0;
        if (effect.do === 'send') expect(connected).toBeGreaterThan(0);
      }
    }
  });
});
