import { describe, expect, it } from 'vitest';
import { ColloquyError } from '../src/errors.js';
import { NegotiationQueue } from '../src/negotiation.js';

/** A negotiation that the test answers by hand. */
function table() {
  const open: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  const queue = new NegotiationQueue(() => new Promise((resolve, reject) => { open.push({ resolve, reject }); }));
  const settle = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 5); });
  return { queue, open, settle };
}

describe('the negotiation queue', () => {
  it('puts wishes of one moment into one offer', async () => {
    const { queue, open, settle } = table();
    const wishes = Promise.all([queue.request(), queue.request(), queue.request()]);
    await settle();
    expect(open).toHaveLength(1);
    open[0]?.resolve();
    await wishes;
  });

  it('has one offer under way, and the next takes all that came meanwhile', async () => {
    const { queue, open, settle } = table();
    const first = queue.request();
    await settle();
    const late = Promise.all([queue.request(), queue.request()]);
    await settle();
    expect(open).toHaveLength(1);
    open[0]?.resolve();
    await first;
    await settle();
    expect(open).toHaveLength(2);
    open[1]?.resolve();
    await late;
    await settle();
    expect(open).toHaveLength(2);
  });

  it('tells a refusal to those who were in the refused offer only', async () => {
    const { queue, open, settle } = table();
    const refused = queue.request();
    await settle();
    const next = queue.request();
    open[0]?.reject(new ColloquyError('sdp.rejected', 'no'));
    await expect(refused).rejects.toMatchObject({ code: 'sdp.rejected' });
    await settle();
    open[1]?.resolve();
    await expect(next).resolves.toBeUndefined();
  });

  it('keeps wishes over a lost connection', async () => {
    const { queue, open, settle } = table();
    const wish = queue.request();
    await settle();
    open[0]?.reject(new ColloquyError('client.connection_lost', 'gone'));
    await settle();
    const another = queue.request();
    await settle();
    expect(open).toHaveLength(1);
    queue.resume();
    await settle();
    expect(open).toHaveLength(2);
    open[1]?.resolve();
    await Promise.all([wish, another]);
  });

  it('lets nobody wait for a closed transport', async () => {
    const { queue } = table();
    queue.pause();
    const wish = queue.request();
    queue.close();
    await expect(wish).rejects.toMatchObject({ code: 'client.closed' });
    await expect(queue.request()).rejects.toMatchObject({ code: 'client.closed' });
  });
});
