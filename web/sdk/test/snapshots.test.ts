import { afterEach, describe, expect, it, vi } from 'vitest';
import { roomUrl, Snapshots } from '../src/snapshots.js';

afterEach(() => vi.unstubAllGlobals());

/** Answers each address in turn; gives what was asked. */
function served(...answers: { status?: number; body: unknown }[]): string[] {
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (url: string, { headers }: { headers: Record<string, string> }) => {
    expect(headers.authorization).toBe('Bearer p1.secret');
    asked.push(url);
    const { status = 200, body } = answers.shift() ?? { status: 500, body: null };
    return new Response(JSON.stringify(body), { status, headers: { age: '12', etag: '"00ff"' } });
  });
  return asked;
}

describe('snapshots', () => {
  it('are asked of the server whose WebSocket it is', () => {
    expect(roomUrl('wss://example.org/api/v1/ws', 'daily')).toBe('https://example.org/api/v1/rooms/daily');
    expect(roomUrl('ws://127.0.0.1:8080/api/v1/ws', 'a.b')).toBe('http://127.0.0.1:8080/api/v1/rooms/a.b');
  });

  it('come with their age and tag', async () => {
    const asked = served({ body: 'jpeg' });
    const one = await new Snapshots().one('https://s/api/v1/rooms/a', 'p1.secret', 'p2', { size: 'full' });
    expect([one.ageS, one.tag, one.image.size]).toEqual([12, '00ff', 6]);
    expect(asked).toEqual(['https://s/api/v1/rooms/a/participants/p2/snapshot?source=camera&size=full']);
  });

  it('of a wall are kept, and not asked for again', async () => {
    const anne = { participant: 'p1', name: 'Anne', tag: 'aa', age_ms: 5, jpeg: btoa('one') };
    const bob = { participant: 'p2', name: 'Bob', missing: 'snapshot.off' };
    const asked = served(
      { body: { thumbnails: [anne], next: 'p1' } }, { body: { thumbnails: [bob] } },
      { body: { thumbnails: [{ ...anne, jpeg: undefined, age_ms: 9 }, bob] } },
    );
    const snapshots = new Snapshots();
    const first = await snapshots.wall('r', 'p1.secret', 'camera');
    expect(first.map(({ participant, ageMs, missing }) => [participant, ageMs, missing])).toEqual([['p1', 5, null], ['p2', null, 'snapshot.off']]);
    const second = await snapshots.wall('r', 'p1.secret', 'camera');
    expect(second[0]?.image).toBe(first[0]?.image);
    expect(second[0]?.ageMs).toBe(9);
    expect(asked).toEqual(['r/thumbnails?source=camera', 'r/thumbnails?source=camera&after=p1', 'r/thumbnails?source=camera&have=aa']);
  });

  it('that are refused say why', async () => {
    served({ status: 403, body: { code: 'snapshot.opted_out', detail: 'No.', remedy: 'Show the name.' } });
    const refused = new Snapshots().one('r', 'p1.secret', 'p2', {});
    await expect(refused).rejects.toMatchObject({ code: 'snapshot.opted_out', message: 'No.', remedy: 'Show the name.' });
  });
});
