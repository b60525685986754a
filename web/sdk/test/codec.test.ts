import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeRequest, MalformedFrame } from '../src/codec.js';

const TRACK = { id: 't1', participant: 'p1', kind: 'audio', source: 'microphone', muted: false, mute: { by_self: false, by_moderator: false } };
const decode = (frame: unknown): ReturnType<typeof decodeFrame> => decodeFrame(JSON.stringify(frame));

describe('requests', () => {
  it('carry their id and nothing undefined', () => {
    expect(JSON.parse(encodeRequest(7, { type: 'subscribe', mid: '0', track: null }))).toEqual({ id: 7, type: 'subscribe', mid: '0', track: null });
  });
});

describe('frames of the server', () => {
  it('with an id are results', () => {
    expect(decode({ type: 'answer', id: 3, sdp: 'v=0', tracks: { 0: 't1' } }))
      .toEqual({ kind: 'result', id: 3, result: { type: 'answer', sdp: 'v=0', tracks: { 0: 't1' } } });
  });

  it('of the documentation are understood', () => {
    const joined = decode({
      type: 'joined', id: 2, room: 'daily', participant: 'p1f', resume_token: 'x', moderator: true, permissions: { publish: true, subscribe: true },
      participants: [{ id: 'p1f', name: 'Anne', state: 'connected', moderator: true, tracks: [TRACK] }],
    });
    expect(joined).toMatchObject({ kind: 'result', result: { type: 'joined', participants: [{ name: 'Anne', tracks: [TRACK] }] } });
  });

  it('tell what is played', () => {
    const announcement = { id: 'a3', file: 'en/welcome.wav', to: 'floor', gain_db: -6, repeat: false, length_ms: 4200, age_ms: 0 };
    expect(decode({ type: 'announced', id: 7, announcement })).toMatchObject({ result: { type: 'announced', announcement: { ...announcement, text: null } } });
    expect(decode({ type: 'announcements', id: 8, announcements: [announcement] })).toMatchObject({ result: { announcements: [{ id: 'a3' }] } });
    const welcome = { type: 'welcome', id: 1, version: 1, server: 'colloquy/0.1.0', resume_window_s: 30, ice_servers: [] };
    expect(decode(welcome)).toMatchObject({ result: { announcements: false } });
    expect(decode({ ...welcome, announcements: true })).toMatchObject({ result: { announcements: true } });
  });

  it('that are errors keep code and remedy', () => {
    expect(decode({ type: 'error', id: 6, code: 'room.full', message: 'Full.', remedy: 'Wait.' }))
      .toEqual({ kind: 'error', id: 6, error: { type: 'error', code: 'room.full', message: 'Full.', remedy: 'Wait.' } });
  });

  it('of a newer server may have more fields and more events', () => {
    expect(decode({ type: 'quality', participant: 'p1', score: 4, colour: 'red' })).toEqual({ kind: 'event', event: { type: 'quality', participant: 'p1', score: 4 } });
    expect(decode({ type: 'weather', sky: 'blue' })).toEqual({ kind: 'unknown', type: 'weather' });
    expect(decode({ type: 'participant_left', participant: 'p1', reason: 'abducted' })).toMatchObject({ event: { reason: 'left' } });
  });

  it('tell of layers and of encodings', () => {
    const layer = { encoding: 1, spatial: 0, temporal: 2 };
    expect(decode({ type: 'shown', mid: '3', track: 't1', layer, size: { width: 640, height: 360 } }))
      .toMatchObject({ event: { mid: '3', track: 't1', shown: { layer, size: { width: 640, height: 360 }, paused: null } } });
    expect(decode({ type: 'shown', mid: '3', track: 't1', paused: 'last_n' })).toMatchObject({ event: { shown: { layer: null, size: null, paused: 'last_n' } } });
    expect(decode({ type: 'shown', mid: '3', track: 't1', paused: 'boredom' })).toMatchObject({ event: { shown: { paused: 'bandwidth' } } });
    expect(decode({ type: 'encodings', track: 't1', encodings: [{ rid: 'q', wanted: true }] }))
      .toMatchObject({ event: { track: 't1', encodings: [{ rid: 'q', wanted: true }] } });
    const downlink = { target_bps: 1, sent_bps: 2, acknowledged_bps: 3, allocated_bps: 4, needed_bps: 5 };
    expect(decode({ type: 'stats', id: 1, rtt_ms: null, downlink: { ...downlink, queued_bytes: 6 }, receive: [], send: [] })).toMatchObject({ result: { downlink } });
    expect(decode({ type: 'stats', id: 1, rtt_ms: null, receive: [], send: [] })).toMatchObject({ result: { downlink: null } });
  });

  it('tell who gets what of whom', () => {
    const others = [{ participant: 'p2', hears: { gain_db: -3, pan_pct: -80 }, sees: 'off', held: false, monitor: true }];
    const you = { post: 'monitor', circle: 0, held: false, announced: false, line: 'coaching', agent: 'p1', insider: false };
    expect(decode({ type: 'audience', you, others })).toEqual({ kind: 'event', event: { type: 'audience', you, others } });
    expect(decode({ type: 'audience', others: [] })).toEqual({ kind: 'event', event: { type: 'audience', others: [] } });
    const wall = { post: 'monitor', circle: 0, held: false, announced: false, wall: true, line: 'listening', insider: false, taken_over: true };
    const aside = { post: 'floor', circle: 0, held: false, aside: 'group', with: ['p2', 'p3'], insider: true };
    for (const one of [wall, aside]) {
      expect(decode({ type: 'audience', you: one, others: [{ ...others[0], insider: true }] })).toEqual({ kind: 'event', event: { type: 'audience', you: one, others: [{ ...others[0], insider: true }] } });
    }
    const floor = { post: 'floor', circle: 3, held: true, insider: false };
    expect(decode({ type: 'audience', you: floor, others: [] })).toEqual({ kind: 'event', event: { type: 'audience', you: floor, others: [] } });
    expect(decode({ type: 'audience', others: [{ ...others[0], hears: null, sees: 'through' }] })).toMatchObject({ event: { others: [{ hears: null, sees: 'off' }] } });
  });

  it.each([
    ['a voice without a tone', '{"type":"audience","others":[{"participant":"p","hears":{"gain_db":1},"sees":"live","held":false,"monitor":false}]}'],
    ['company without ids', '{"type":"audience","you":{"post":"floor","circle":0,"held":false,"insider":false,"aside":"group","with":[7]},"others":[]}'],
    ['an encoding without rid', '{"type":"encodings","track":"t","encodings":[{"wanted":true}]}'],
    ['a layer that is none', '{"type":"shown","mid":"1","track":"t","layer":{"encoding":1}}'],
    ['no JSON', '<html>'], ['no object', '[]'], ['no type', '{}'], ['null', 'null'],
    ['a result nobody knows', '{"type":"pudding","id":1}'],
    ['a track without mute', '{"type":"track_published","track":{"id":"t","participant":"p","kind":"audio","source":"microphone","muted":false}}'],
    ['a source nobody knows', JSON.stringify({ type: 'track_published', track: { ...TRACK, source: 'smell' } })],
    ['a number that is none', '{"type":"quality","participant":"p","score":"5"}'],
  ])('refuses %s', (_what, text) => {
    expect(() => decodeFrame(text)).toThrow(MalformedFrame);
  });
});
