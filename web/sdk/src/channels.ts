/** Data channels: ours to everybody or to some, and those of others as the server mirrors them. */
import { ColloquyError } from './errors.js';

export interface DataOptions {
  /** Messages come in the order they were sent. Default: yes. */
  readonly ordered?: boolean;
  /** A message that was lost so often is given up. */
  readonly maxRetransmits?: number;
  /** A message that is older than this, in ms, is given up. */
  readonly maxPacketLifeTime?: number;
  /** Ids of the participants who get it; everybody without it. */
  readonly to?: readonly string[];
}

/** A channel of somebody else. What is written into it goes nowhere: answer on a channel of your own. */
export interface RemoteData {
  /** The participant who opened it. */
  readonly from: string;
  readonly label: string;
  readonly channel: RTCDataChannel;
}

/** Longest label, and longest `protocol`: RFC 8832 gives each 16 bits, and the server takes less. */
const LABEL_BYTES = 256;

/** Beyond the streams that browser and server choose by themselves, within what every engine takes. */
const OPENER_STREAM = 1_022;

/** The channel's `protocol` names those who get it. */
export function protocolFor(to: readonly string[] | undefined): string {
  return to === undefined ? '' : `to=${to.join(',')}`;
}

/** @throws ColloquyError `client.state` for what no server would take. */
function initFor(label: string, { to, ...rest }: DataOptions): RTCDataChannelInit {
  const protocol = protocolFor(to);
  const longest = Math.max(new TextEncoder().encode(label).length, protocol.length);
  if (longest > LABEL_BYTES) throw new ColloquyError('client.state', `A label or list of receivers has at most ${LABEL_BYTES} bytes.`);
  if (to?.length === 0) throw new ColloquyError('client.state', 'A channel to nobody: name at least one participant, or leave `to` out.');
  return { ...rest, protocol };
}

/** The channels that we open on one connection. */
export class OwnChannels {
  /**
   * Each until its end, with how it is ended early: a browser may collect, and thereby close, a channel that its caller keeps no
   * reference to. The server takes few of them.
   */
  readonly #held = new Map<RTCDataChannel, (error: unknown) => void>();
  #offered: boolean;

  /**
   * @param negotiate makes an offer; the promise is that of its answer.
   * @param reserved the first offer has a section for data in any case.
   */
  constructor(private readonly pc: RTCPeerConnection, private readonly negotiate: () => Promise<void>, reserved: boolean) {
    this.#offered = reserved;
  }

  /** The promise is that of an open channel. */
  async open(label: string, options: DataOptions): Promise<RTCDataChannel> {
    const init = initFor(label, options);
    // Chromium numbers a channel made between the first offer and its answer as a DTLS server would. The answer gives that part
    // to Colloquy, whose own channels have these numbers: it refuses ours, or the two meet on one number.
    if (this.#offered && this.pc.remoteDescription === null) await this.negotiate();
    const channel = this.pc.createDataChannel(label, init);
    this.#offered = true;
    const opened = this.#hold(channel);
    if (this.pc.sctp === null) this.negotiate().catch((error: unknown) => this.#held.get(channel)?.(error));
    return await opened;
  }

  /** The connection is closed. */
  close(): void {
    for (const end of [...this.#held.values()]) end(ended());
  }

  #hold(channel: RTCDataChannel): Promise<RTCDataChannel> {
    return new Promise((resolve, reject) => {
      const end = (error: unknown): void => {
        this.#held.delete(channel);
        channel.close();
        // Without effect on one that was open.
        reject(error);
      };
      this.#held.set(channel, end);
      channel.addEventListener('open', () => resolve(channel), { once: true });
      channel.addEventListener('close', () => end(ended()), { once: true });
    });
  }
}

function ended(): ColloquyError {
  return new ColloquyError('client.closed', 'The data channel was closed.');
}

/** A mirror of the server as what it is; `null` for anything else. */
export function remoteData(channel: RTCDataChannel): RemoteData | null {
  const { protocol: from, label } = channel;
  return from === '' ? null : { from, label, channel };
}

/**
 * Makes the next offer one with data channels, so that those of others can reach us before we have opened any. The channel that
 * does it is negotiated by nobody and closed before it could carry anything.
 */
export function reserveData(pc: RTCPeerConnection): () => void {
  const channel = pc.createDataChannel('', { negotiated: true, id: OPENER_STREAM });
  return () => channel.close();
}
