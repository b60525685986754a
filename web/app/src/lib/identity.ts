/** Who is signed in at the identity provider of our own server. Others' providers would have to be asked by a window of theirs. */
import type { IdentityWish } from '@colloquy/sdk';

/** What only a page of this origin can send: with it the provider takes the cookie. */
const OWN = { 'x-colloquy-identity': '1', accept: 'application/json' };

export interface SignedIn {
  readonly name: string;
  readonly identity: string;
}

/** `null`: there is no identity provider here; else whether somebody is signed in. */
export async function whoIsSignedIn(): Promise<{ readonly who: SignedIn | null } | null> {
  try {
    const answer = await fetch('/identity/who', { headers: OWN, cache: 'no-store' });
    if (answer.headers.get('content-type') !== 'application/json') return null;
    const said: unknown = await answer.json();
    if (typeof said !== 'object' || said === null || !('issuer' in said) || said.issuer !== location.origin) return null;
    const known = 'name' in said && typeof said.name === 'string' && 'identity' in said && typeof said.identity === 'string';
    return { who: known ? { name: said.name as string, identity: said.identity as string } : null };
  } catch {
    return null;
  }
}

/** Has the provider assert that this call's media is ours. */
export async function claim({ issuer, contents, nonce }: IdentityWish): Promise<string | null> {
  // A page of elsewhere has no cookie of the provider; and asking for nobody would only be refused.
  if (issuer !== location.origin || (await whoIsSignedIn())?.who == null) return null;
  const answer = await fetch('/identity/assertion', {
    method: 'POST', headers: { ...OWN, 'content-type': 'application/json' }, body: JSON.stringify({ contents, nonce }),
  });
  const said: unknown = answer.ok ? await answer.json() : null;
  return typeof said === 'object' && said !== null && 'assertion' in said && typeof said.assertion === 'string' ? said.assertion : null;
}
