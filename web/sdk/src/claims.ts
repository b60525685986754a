/** Signed claims of who we are: our identity provider asserts the fingerprint of an offer, and the server checks that it is that of our media. */
import type { IdentityOffer } from './protocol.js';

/** What is to be asserted, and for whom. */
export interface IdentityWish extends IdentityOffer {
  /** The fingerprints, as browsers with WebRTC identity have them asserted (RFC 8827 section 5.6.4). */
  readonly contents: string;
}

export type IdentityAsk = (wish: IdentityWish) => Promise<string | null>;

/** A claim is used for later offers too, for so long; providers let theirs be good for longer. */
const FRESH_MS = 5 * 60_000;

/** What is asserted of an offer; `null` of one without a fingerprint. */
export function contentsOf(sdp: string): string | null {
  const found = [...sdp.matchAll(/^a=fingerprint:(\S+) (\S+)\s*$/gm)].map(([, algorithm, digest]) => ({ algorithm, digest }));
  const once = [...new Map(found.map((one) => [`${one.algorithm} ${one.digest}`, one])).values()];
  return once.length === 0 ? null : JSON.stringify({ fingerprint: once });
}

export class Claims {
  #last: { readonly key: string; readonly at: number; readonly claim: string } | null = null;

  constructor(private readonly ask: IdentityAsk | undefined, private readonly now: () => number = () => Date.now()) {}

  /** The claim to send with an offer, if there is to be one. A provider that fails costs the name, not the call. */
  async of(sdp: string, offer: IdentityOffer | undefined): Promise<string | null> {
    const contents = this.ask === undefined || offer === undefined ? null : contentsOf(sdp);
    if (this.ask === undefined || offer === undefined || contents === null) return null;
    const key = `${offer.nonce} ${contents}`;
    if (this.#last?.key === key && this.now() - this.#last.at < FRESH_MS) return this.#last.claim;
    const at = this.now();
    const claim = await this.ask({ ...offer, contents }).catch(() => null);
    this.#last = claim === null ? null : { key, at, claim };
    return claim;
  }
}
