import { describe, expect, it } from 'vitest';
import { colours, initials } from '../src/lib/avatar.js';
import { readParams } from '../src/lib/params.js';
import { isRoom, roomFrom, suggestRoom } from '../src/lib/rooms.js';
import { aspectsFor, packGrid, packWall } from '../src/layout/grid.js';

describe('the grid', () => {
  const pack = (count: number, width: number, height: number) =>
    packGrid({ count, width, height, gap: 12, aspects: aspectsFor(width, height), minWidth: width < 600 ? 104 : 150, minHeight: 84, maxPerPage: 50 });

  it.each([[1, 1], [2, 2], [3, 2], [4, 2], [9, 3], [16, 4], [25, 5]])('of %i on a wide stage has %i columns', (count, columns) => {
    expect(pack(count, 1280, 720).columns).toBe(columns);
  });

  it('stacks two people on a phone', () => {
    expect(pack(2, 374, 640)).toMatchObject({ columns: 1, rows: 2, capacity: 2 });
  });

  it('has a wall of small pictures, all of one size', () => {
    const wall = (count: number, width: number, height: number) => packWall({ count, width, height, gap: 8, aspects: [1, 1], minWidth: 0, minHeight: 0, maxPerPage: 64 });
    expect(wall(64, 1440, 900)).toEqual({ columns: 8, rows: 8, width: 160, height: 90, capacity: 64 });
    expect(wall(3, 1440, 900)).toMatchObject({ columns: 3, rows: 1 });
    expect(wall(64, 374, 640)).toMatchObject({ columns: 2, capacity: 12 });
    expect(wall(0, 100, 50)).toMatchObject({ columns: 1, capacity: 1 });
  });

  it('never leaves the stage, from 1 to 50 people, phone to wall', () => {
    for (const [width, height] of [[374, 640], [720, 300], [1280, 660], [3840, 2000]] as const) {
      for (let count = 1; count <= 50; count++) {
        const g = pack(count, width, height);
        expect(g.columns * g.width + (g.columns - 1) * 12).toBeLessThanOrEqual(width);
        expect(g.rows * g.height + (g.rows - 1) * 12).toBeLessThanOrEqual(height);
        expect(g.columns * g.rows).toBeGreaterThanOrEqual(g.capacity);
        expect(g.capacity).toBeGreaterThan(0);
      }
    }
  });

  it('turns pages rather than show stamps', () => {
    const g = pack(50, 374, 640);
    expect(g.capacity).toBeLessThan(50);
    expect(g.width).toBeGreaterThanOrEqual(104);
  });
});

describe('avatars', () => {
  it('have one or two initials', () => {
    expect(['Anne', 'Anne Martin', 'jean-luc picard', '  ', 'Łukasz', '王小明'].map(initials)).toEqual(['A', 'AM', 'JP', '?', 'Ł', '王']);
  });

  it('keep their colour', () => {
    expect(colours('Anne')).toEqual(colours(' anne '));
  });
});

describe('rooms', () => {
  it('are named as the server wants them', () => {
    expect(roomFrom('  my  daily call ')).toBe('my-daily-call');
    expect(isRoom('daily.2-b_c')).toBe(true);
    expect([isRoom(''), isRoom('a b'), isRoom('é'), isRoom('x'.repeat(65))]).toEqual([false, false, false, false]);
    expect(isRoom(suggestRoom(() => 0.999))).toBe(true);
  });
});

describe('the address', () => {
  it.each([['?as=monitor', 'monitor'], ['?as=helper', 'helper'], ['?as=king', 'participant'], ['', 'participant']])('%s comes in as %s', (search, as) => {
    expect(readParams({ search, protocol: 'https:', host: 'example.org', origin: 'https://example.org' } as Location).as).toBe(as);
  });

  it.each([['?video=composite', 'composite'], ['?video=forward', 'forward'], ['?video=mix', null], ['', null]])('%s shows others %s', (search, video) => {
    expect(readParams({ search, protocol: 'https:', host: 'example.org', origin: 'https://example.org' } as Location).video).toBe(video);
  });
});
