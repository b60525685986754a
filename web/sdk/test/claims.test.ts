import { describe, expect, it } from 'vitest';
import { Claims, contentsOf, type IdentityWish } from '../src/claims.js';
import { reduce, stateOf } from '../src/state.js';

const SDP = 'v=0\r\na=fingerprint:sha-256 AA:BB\r\nm=audio\r\na=fingerprint:sha-256 AA:BB\r\nm=video\r\na=fingerprint:sha-256 CC:DD\r\n';
const OFFER = { required: false, issuer: 'https://id.example', nonce: 'n' };

describe('claims of who we are', () => {
  it('are of all fingerprints of an offer, each once', () => {
    expect(contentsOf(SDP)).toBe('{"fingerprint":[{"algorithm":"sha-256","digest":"AA:BB"},{"algorithm":"sha-256","digest":"CC:DD"}]}');
    expect(contentsOf('v=0\r\n')).toBeNull();
  });

  it('are asked for once for each connection and certificate, and again when they are old', async () => {
    const asked: IdentityWish[] = [];
    let now = 0;
    const claims = new Claims((wish) => { asked.push(wish); return Promise.resolve(`claim ${asked.length}`); }, () => now);
    expect(await claims.of(SDP, undefined)).toBeNull();
    expect(await claims.of(SDP, OFFER)).toBe('claim 1');
    expect(await claims.of(SDP, OFFER)).toBe('claim 1');
    expect(await claims.of(SDP, { ...OFFER, nonce: 'other' })).toBe('claim 2');
    expect(await claims.of(SDP.replaceAll('AA', 'EE'), { ...OFFER, nonce: 'other' })).toBe('claim 3');
    now += 300_000;
    expect(await claims.of(SDP.replaceAll('AA', 'EE'), { ...OFFER, nonce: 'other' })).toBe('claim 4');
    expect(asked[0]).toEqual({ ...OFFER, contents: contentsOf(SDP) });
  });

  it('cost nothing but the name when the provider fails', async () => {
    const claims = new Claims(() => Promise.reject(new Error('away')));
    expect(await claims.of(SDP, OFFER)).toBeNull();
    expect(await new Claims(undefined).of(SDP, OFFER)).toBeNull();
  });
});

describe('who vouches for others', () => {
  it('comes and goes', () => {
    const before = stateOf([{ id: 'p1', name: 'Anne', state: 'connected', moderator: false, quality: null, tracks: [] }]);
    const identity = { colour: 'green', reason: 'id.example vouches.', identity: 'anne@id.example' } as const;
    const known = reduce(before, { type: 'identity', participant: 'p1', identity });
    expect(known.get('p1')?.identity).toEqual(identity);
    expect('identity' in (reduce(known, { type: 'identity', participant: 'p1', identity: null }).get('p1') ?? {})).toBe(false);
    expect(reduce(before, { type: 'identity', participant: 'p9', identity })).toBe(before);
  });
});
