import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Size } from '@colloquy/sdk';
import { VideoWishes } from '../src/state/wishes.js';

/** A room that writes down what is asked of it, and elements that are sized by hand. */
function stage() {
  const said: string[] = [];
  const tell = new Map<Element, (size: Size) => void>();
  const room = {
    subscribe: (track: string) => { said.push(`+${track}`); },
    unsubscribe: (track: string) => { said.push(`-${track}`); },
    prefer: (track: string, { size }: { size?: Size | null }) => { said.push(`${track} ${size?.width}x${size?.height}`); },
  };
  const wishes = new VideoWishes(room, (element, then) => {
    tell.set(element, then);
    return () => tell.delete(element);
  });
  const element = (): Element => ({}) as Element;
  return { said, wishes, element, size: (of: Element, width: number, height: number) => tell.get(of)?.({ width, height }) };
}

describe('wishes for pictures', () => {
  beforeEach(() => { vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });

  it('are subscribed at the size of their tile, hidden at once when it goes, and given up a little later', () => {
    const { said, wishes, element, size } = stage();
    const tile = element();
    const end = wishes.show('t1', tile);
    size(tile, 320, 180);
    end();
    expect(said).toEqual(['+t1', 't1 320x180', 't1 0x0']);
    vi.advanceTimersByTime(3_100);
    expect(said.at(-1)).toBe('-t1');
  });

  it('that move from a small tile to a large one are the larger of both', () => {
    const { said, wishes, element, size } = stage();
    const [small, large] = [element(), element()];
    const end = wishes.show('t1', small);
    size(small, 160, 90);
    wishes.show('t1', large);
    size(large, 1280, 720);
    end();
    vi.advanceTimersByTime(10_000);
    expect(said).toEqual(['+t1', 't1 160x90', '+t1', 't1 1280x720', 't1 1280x720']);
  });

  it('that come back within the moment cost nothing', () => {
    const { said, wishes, element, size } = stage();
    const first = element();
    wishes.show('t1', first)();
    vi.advanceTimersByTime(1_000);
    const again = element();
    wishes.show('t1', again);
    size(again, 320, 180);
    vi.advanceTimersByTime(10_000);
    expect(said).toEqual(['+t1', 't1 0x0', '+t1', 't1 320x180']);
  });
});
