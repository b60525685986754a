import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { domainOf, isDomain, isWithin, readAddress } from '../../src/hyperty/address.js';
import { ANSWER_MS, MessageBus } from '../../src/hyperty/bus.js';
import { type Message, asMessage, codeOf } from '../../src/hyperty/message.js';

const settled = (): Promise<void> => new Promise((resolve) => { queueMicrotask(() => { queueMicrotask(resolve); }); });

describe('an address', () => {
  it('is of a domain, without the label of what answers there', () => {
    expect(readAddress('hyperty://a.test/4f/x')).toEqual({ scheme: 'hyperty', domain: 'a.test', path: '4f/x' });
    expect(['domain://msg-node.a.test/sm', 'domain://registry.a.test', 'user://A.test/me@x.org'].map(domainOf)).toEqual(['a.test', 'a.test', 'a.test']);
    // Whose these are only our own node can say.
    expect(['global://registry', 'user-guid://5d99', 'no address', ''].map(domainOf)).toEqual([undefined, undefined, undefined, undefined]);
    expect(['a.test', 'localhost', 'a..test', 'A.test', '-a.test', 'a.test/x', 'a.test:80'].map(isDomain)).toEqual([true, true, false, false, false, false, false]);
  });

  it('is within another by whole names', () => {
    expect([isWithin('hyperty://d/1', 'hyperty://d/1'), isWithin('hyperty://d/1/x', 'hyperty://d/1'), isWithin('hyperty://d/12', 'hyperty://d/1')]).toEqual([true, true, false]);
  });
});

describe('what comes from outside', () => {
  it('is a message or nothing', () => {
    const good = { type: 'ping', from: 'a://d/1', to: ['b://d/2'], id: 1, body: {} };
    expect(asMessage(good)).toBe(good);
    for (const bad of [null, 'x', [], { ...good, from: 1 }, { ...good, to: [1] }, { ...good, to: undefined }, { ...good, body: [] }, { ...good, id: {} }]) {
      expect(asMessage(bad)).toBeUndefined();
    }
  });
});

describe('the bus of a runtime', () => {
  let bus: MessageBus;
  let out: Message[];
  beforeEach(() => {
    vi.useFakeTimers();
    bus = new MessageBus();
    out = [];
    bus.out = (message) => { out.push(message); };
  });
  afterEach(() => { vi.useRealTimers(); });

  it('gives each who listens a copy of his own, and everything else the way out', async () => {
    const heard: Message[] = [];
    bus.listen('a://d/1', (message) => { heard.push(message); message.body = { changed: true }; });
    const other = bus.listen('a://d/1', (message) => { heard.push(message); });
    const sent = { type: 'ping', from: 'b://d/2', to: ['a://d/1', 'a://far/3'], body: { some: 'thing' } };
    bus.post(sent);
    await settled();
    expect(heard.map(({ to }) => to)).toEqual(['a://d/1', 'a://d/1']);
    expect(heard[1]!.body).toEqual({ some: 'thing' });
    expect(out.map(({ to }) => to)).toEqual(['a://far/3']);
    other.remove();
    expect(bus.has('a://d/1')).toBe(true);
  });

  it('gives what is published to those here, and to all others', async () => {
    const heard: Message[] = [];
    bus.listen('comm://d/1/changes', (message) => { heard.push(message); });
    bus.post({ type: 'update', from: 'comm://d/1', to: 'comm://d/1/changes' });
    await settled();
    expect([heard.length, out.length]).toEqual([1, 1]);
  });

  it('knows answers by who asked, whatever ids others use, and passes over provisional ones', async () => {
    const answers: Record<string, number[]> = { one: [], other: [] };
    bus.post({ id: 1, type: 'read', from: 'a://d/one', to: 'x://far/1' }, (answer) => { answers['one']!.push(codeOf(answer)); });
    bus.post({ id: 1, type: 'read', from: 'a://d/other', to: 'x://far/1' }, (answer) => { answers['other']!.push(codeOf(answer)); });
    const answer = (to: string, code: number): boolean => bus.take({ id: 1, type: 'response', from: 'x://far/1', to, body: { code } });
    expect([answer('a://d/other', 100), answer('a://d/other', 404), answer('a://d/other', 200), answer('a://d/nobody', 200)]).toEqual([true, true, false, false]);
    await settled();
    expect(answers).toEqual({ one: [], other: [100, 404] });
    vi.advanceTimersByTime(ANSWER_MS);
    await settled();
    expect(answers['one']).toEqual([408]);
  });

  it('sends what comes from elsewhere never out again', async () => {
    expect(bus.take({ type: 'ping', from: 'a://far/1', to: 'a://elsewhere/2' })).toBe(false);
    await settled();
    expect(out).toEqual([]);
  });
});
