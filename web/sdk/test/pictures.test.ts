import { describe, expect, it } from 'vitest';
import { Pictures } from '../src/pictures.js';

describe('pictures', () => {
  it('are forwarded until a canvas is asked for', () => {
    const pictures = new Pictures();
    expect([pictures.mode, pictures.track]).toEqual(['forward', null]);
    pictures.set('composite', {});
    expect([pictures.mode, pictures.track]).toEqual(['composite', 'grid']);
    pictures.set('composite', { layout: 'layout:lecture', pin: 'p2' });
    expect([pictures.track, pictures.pin('layout:lecture'), pictures.pin('t1')]).toEqual(['layout:lecture', 'p2', null]);
    pictures.set('forward', {});
    expect([pictures.track, pictures.pin('layout:lecture')]).toEqual([null, null]);
  });

  it('pin nobody in a grid, where nobody comes first', () => {
    const pictures = new Pictures();
    pictures.set('composite', { layout: 'grid', pin: 'p2' });
    expect(pictures.pin('grid')).toBeNull();
    pictures.set('composite', { layout: 'speaker', pin: 'p2' });
    expect(pictures.pin('speaker')).toBe('p2');
  });
});
