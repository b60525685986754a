import { describe, expect, it } from 'vitest';
import { backoffMs } from '../src/backoff.js';
import { inStereo, orderCodecs, sentAsBefore } from '../src/codecs.js';
import { isConnectionLoss, mediaError, ColloquyError } from '../src/errors.js';
import { loudness } from '../src/level.js';
import { Wishes } from '../src/wishes.js';
import { rates, score, type Counters } from '../src/stats.js';

describe('back-off', () => {
  it('grows from half a second to eight', () => {
    expect([0, 1, 2, 3, 4, 5, 500].map((n) => backoffMs(n, 0.999_999)).map(Math.round)).toEqual([500, 1000, 2000, 4000, 8000, 8000, 8000]);
  });

  it('is jittered, and never below the minimum', () => {
    expect(backoffMs(4, 0)).toBe(4000);
    expect(backoffMs(4, 0.5)).toBe(6000);
    expect(backoffMs(0, 0)).toBe(500);
  });
});

describe('media errors', () => {
  it.each([
    ['NotFoundError', 'media.not_found'], ['NotAllowedError', 'media.not_allowed'], ['NotReadableError', 'media.not_readable'],
    ['OverconstrainedError', 'media.overconstrained'], ['WhateverError', 'media.unknown'],
  ])('%s is %s, with a remedy', (name, code) => {
    const error = mediaError(new DOMException('x', name));
    expect(error.code).toBe(code);
    expect(error.remedy).not.toBe('');
  });

  it('are not connection losses', () => {
    expect(isConnectionLoss(mediaError(new Error('x')))).toBe(false);
    expect(isConnectionLoss(new ColloquyError('client.timeout', ''))).toBe(true);
  });
});

describe('codec preferences', () => {
  const codecs = ['video/VP8', 'video/rtx', 'video/VP9', 'video/H264', 'video/AV1'].map((mimeType) => ({ mimeType }));
  it('put the named first and keep the rest in order', () => {
    expect(orderCodecs(codecs, ['av1', 'VP9']).map((c) => c.mimeType)).toEqual(['video/AV1', 'video/VP9', 'video/VP8', 'video/rtx', 'video/H264']);
  });

  it('are asked for in stereo where they are Opus', () => {
    const sdp = 'm=audio 9 X 111 63 0\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n';
    const stereo = sdp.replace('useinbandfec=1', 'useinbandfec=1;stereo=1');
    expect(inStereo(sdp)).toBe(stereo);
    expect(inStereo(stereo)).toBe(stereo);
    expect(inStereo(stereo.replace('stereo=1', 'stereo=0'))).toContain('stereo=0\r\n');
    expect(sentAsBefore(stereo)).toBe(sdp);
    expect(sentAsBefore(sdp)).toBe(sdp);
  });
});

describe('stats', () => {
  const at = (atMs: number, rest: Partial<Counters> = {}): Counters =>
    ({ atMs, bytesSent: 0, bytesReceived: 0, packetsReceived: 0, packetsLost: 0, remoteLoss: 0, rttMs: null, ...rest });

  it('are rates between two readings', () => {
    expect(rates(at(0), at(2000, { bytesSent: 1000, bytesReceived: 500, packetsReceived: 90, packetsLost: 10 })))
      .toMatchObject({ sendBps: 4000, receiveBps: 2000, receiveLoss: 0.1 });
  });

  it('survive counters that start anew', () => {
    expect(rates(at(0, { bytesSent: 9_000, packetsLost: 40 }), at(1000, { bytesSent: 10 }))).toMatchObject({ sendBps: 0, receiveLoss: 0 });
  });

  it('score a good line 5 and a broken one 0', () => {
    expect(score(0, 20)).toBe(5);
    expect(score(0.04, 100)).toBeCloseTo(4);
    expect(score(0.3, 900)).toBe(0);
  });
});

describe('loudness', () => {
  it('is 0 for silence, 1 for full scale, and half for -30 dBFS', () => {
    expect(loudness(new Float32Array(64))).toBe(0);
    expect(loudness(new Float32Array(64).fill(1))).toBe(1);
    expect(loudness(new Float32Array(64).fill(10 ** (-30 / 20)))).toBeCloseTo(0.5);
  });
});

describe('wishes', () => {
  const track = (id: string, kind: 'audio' | 'video') =>
    ({ id, kind, participant: 'p', source: 'camera', muted: false, mute: { by_self: false, by_moderator: false } }) as const;

  it('follow the rule, and exceptions from it', () => {
    const wishes = new Wishes('audio');
    expect([wishes.wants(track('a', 'audio')), wishes.wants(track('v', 'video'))]).toEqual([true, false]);
    wishes.decline('a');
    wishes.choose('v');
    expect([wishes.wants(track('a', 'audio')), wishes.wants(track('v', 'video'))]).toEqual([false, true]);
    wishes.forget('a');
    expect(wishes.wants(track('a', 'audio'))).toBe(true);
  });
});
