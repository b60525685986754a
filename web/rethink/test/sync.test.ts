import { describe, expect, it } from 'vitest';
import { type Change, apply, readChange } from '../src/sync/change.js';
import type { Observed, Reported } from '../src/sync/object.js';
import { Syncher } from '../src/sync/syncher.js';
import { FakeRuntime, RUNTIME, until } from './runtime.js';

const SCHEMA = 'hyperty-catalogue://catalogue.d.test/.well-known/dataschema/Communication';
const [ALICE, BOB] = ['hyperty://d.test/alice', 'hyperty://d.test/bob'];

describe('changes', () => {
  const table: [string, unknown, Change, unknown][] = [
    ['sets', { a: 1 }, { attribute: 'a', value: 2 }, { a: 2 }],
    ['adds', {}, { attribute: 'a', value: { b: [] } }, { a: { b: [] } }],
    ['takes away', { a: 1, b: 2 }, { attribute: 'a' }, { b: 2 }],
    ['goes down', { a: { b: { c: 1 } } }, { attribute: 'a.b.c', value: 2 }, { a: { b: { c: 2 } } }],
    ['changes a list', { a: [1, 2] }, { attribute: 'a.1', value: 3, list: 'update' }, { a: [1, 3] }],
    ['adds to a list', { a: [1, 4] }, { attribute: 'a.1', value: [2, 3], list: 'add' }, { a: [1, 2, 3, 4] }],
    ['takes from a list', { a: [1, 2, 3] }, { attribute: 'a.0', value: 2, list: 'remove' }, { a: [3] }],
    ['changes within a list', { a: [{ b: 1 }] }, { attribute: 'a.0.b', value: 2 }, { a: [{ b: 2 }] }],
  ];
  it.each(table)('%s', (_, data, change, expected) => {
    expect(apply(data as Record<string, unknown>, change)).toBe(true);
    expect(data).toEqual(expected);
  });

  it.each(['', 'a..b', '__proto__.x', 'a.constructor', 'a.__proto__.y', 'none.x', 'n.x', 'l.x', 'l.-1', 'l.99', 'x.'.repeat(30)])('does not make %j', (attribute) => {
    const data = { a: {}, n: 7, l: [1] };
    expect(apply(data, { attribute, value: 1 })).toBe(false);
    expect(data).toEqual({ a: {}, n: 7, l: [1] });
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it('does not make lists without end', () => {
    const data = { l: new Array<number>(999).fill(0) };
    expect(apply(data, { attribute: 'l.0', value: [1, 2], list: 'add' })).toBe(false);
    expect(apply(data, { attribute: 'l.0', value: [1], list: 'add' })).toBe(true);
  });

  it('are read from updates', () => {
    expect(readChange({ attribute: 'a', value: 1 })).toEqual({ attribute: 'a', value: 1 });
    expect(readChange({ attribute: 'a.0', value: 1, attributeType: 'array', operation: 'remove' })).toEqual({ attribute: 'a.0', value: 1, list: 'remove' });
    expect(readChange({ value: 1 })).toBeUndefined();
    expect(readChange(undefined)).toBeUndefined();
  });
});

async function pair(): Promise<{ runtime: FakeRuntime; alice: Syncher; bob: Syncher; reported: Reported; observed: Observed }> {
  const runtime = new FakeRuntime();
  const at = (url: string, user: string): Syncher => new Syncher(url, runtime.bus(url, { user, schemes: ['comm'], resources: ['chat'] }), { runtimeURL: RUNTIME });
  const [alice, bob] = [at(ALICE, 'alice@d.test'), at(BOB, 'bob@d.test')];
  const reported = await alice.create({ schema: SCHEMA, name: 'talk', data: { n: 1 }, resources: ['chat'] });
  let url = '';
  bob.onInvitation((invitation) => {
    url = invitation.url;
    expect(invitation).toMatchObject({ from: ALICE, schema: SCHEMA, value: { name: 'talk' } });
    invitation.ack();
  });
  await reported.invite(BOB);
  const observed = await bob.subscribe(url, SCHEMA);
  return { runtime, alice, bob, reported, observed };
}

describe('data objects', () => {
  it('are created, offered and observed', async () => {
    const { reported, observed } = await pair();
    expect(observed.data).toEqual({ n: 1 });
    expect([...reported.subscribers]).toEqual([BOB]);
    const seen: Change[] = [];
    observed.onChange((change) => { seen.push(change); });
    reported.set('n', 2);
    reported.set('deep', { x: 1 });
    reported.set('deep.x', 3);
    reported.set('n');
    await until(() => seen.length === 4, 'four changes');
    expect(observed.data).toEqual({ deep: { x: 3 } });
  });

  it('take a change once, also when it comes twice', async () => {
    const { runtime, reported, observed } = await pair();
    reported.set('n', 2);
    await until(() => observed.data['n'] === 2, 'a change');
    const old = { type: 'update', from: reported.url, to: `${reported.url}/changes` };
    runtime.deliver({ ...old, body: { version: 1, attribute: 'n', value: 7 } });
    runtime.deliver({ ...old, body: { version: 0, attribute: 'n', value: 8 } });
    reported.set('m', 3);
    await until(() => observed.data['m'] === 3, 'another change');
    expect(observed.data['n']).toBe(2);
  });

  it('have children of both sides', async () => {
    const { reported, observed } = await pair();
    const seen: [string, unknown][] = [];
    reported.onChild(({ from, value }) => { seen.push([from, value]); });
    observed.onChild(({ from, value }) => { seen.push([from, value]); });
    await observed.addChild({ type: 'chat', content: 'hello' });
    await reported.addChild({ type: 'chat', content: 'hi' });
    await until(() => seen.length === 2, 'two children');
    expect(seen).toEqual([[BOB, { type: 'chat', content: 'hello' }], [ALICE, { type: 'chat', content: 'hi' }]]);
    expect([reported.children.length, observed.children.length]).toEqual([2, 2]);
  });

  it('end for all when they are deleted, and for one who leaves', async () => {
    const first = await pair();
    let ended = 0;
    first.observed.onEnd(() => { ended += 1; });
    first.reported.delete();
    await until(() => ended === 1, 'the end');
    first.reported.set('n', 9);
    expect(first.observed.data).toEqual({ n: 1 });

    const second = await pair();
    const left: string[] = [];
    second.reported.onLeft(({ hyperty }) => { left.push(hyperty); });
    second.observed.leave();
    second.observed.leave();
    await until(() => left.length === 1, 'one leaves');
    expect([...second.reported.subscribers]).toEqual([]);
  });

  it('say what went wrong', async () => {
    const { bob, reported } = await pair();
    bob.onInvitation((invitation) => { invitation.ack(486); });
    await expect(reported.invite(BOB)).rejects.toMatchObject({ code: 486 });
    await expect(bob.subscribe('comm://d.test/none', SCHEMA)).rejects.toMatchObject({ code: 404 });
  });
});
