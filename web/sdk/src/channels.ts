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
export function openChannel(pc: RTCPeerConnection, label: string, { to, ...rest }: DataOptions): RTCDataChannel {
  const protocol = protocolFor(to);
  const longest = Math.max(new TextEncoder().encode(label).length, protocol.length);
  if (longest > LABEL_BYTES) throw new ColloquyError('client.state', `A label or list of receivers has at most ${LABEL_BYTES} bytes.`);
  if (to?.length === 0) throw new ColloquyError('client.state', 'A channel to nobody: name at least one participant, or leave `to` out.');
  return pc.createDataChannel(label, { ...rest, protocol });
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
