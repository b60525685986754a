/** `getStats` made readable: rates between two readings, loss, round-trip time, and one score of it all. */

export interface CallStats {
  /** Round-trip time of the selected path. */
  readonly rttMs: number | null;
  readonly sendBps: number;
  readonly receiveBps: number;
  /** Share of packets lost on the way to us, 0 to 1. */
  readonly receiveLoss: number;
  /** Share of packets lost on the way from us, 0 to 1. */
  readonly sendLoss: number;
  /** 0 to 5, by our own measure. */
  readonly score: number;
}

/** The counters that rates are made of. */
export interface Counters {
  readonly atMs: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly packetsReceived: number;
  readonly packetsLost: number;
  readonly remoteLoss: number;
  readonly rttMs: number | null;
}

const EMPTY: Counters = { atMs: 0, bytesSent: 0, bytesReceived: 0, packetsReceived: 0, packetsLost: 0, remoteLoss: 0, rttMs: null };

export class StatsReader {
  #last: Counters | null = null;

  read(report: RTCStatsReport): CallStats {
    const now = count(report);
    const stats = rates(this.#last ?? now, now);
    this.#last = now;
    return stats;
  }
}

/** What happened between two readings. A counter that fell (a new transport) counts as nothing. */
export function rates(before: Counters, now: Counters): CallStats {
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000);
  const grown = (key: 'bytesSent' | 'bytesReceived' | 'packetsReceived' | 'packetsLost'): number => Math.max(0, now[key] - before[key]);
  const lost = grown('packetsLost');
  const total = lost + grown('packetsReceived');
  const receiveLoss = total === 0 ? 0 : lost / total;
  return {
    rttMs: now.rttMs, receiveLoss, sendLoss: now.remoteLoss,
    sendBps: (grown('bytesSent') * 8) / seconds, receiveBps: (grown('bytesReceived') * 8) / seconds,
    score: score(Math.max(receiveLoss, now.remoteLoss), now.rttMs),
  };
}

/**
 * 5 is perfect, 0 unusable. After the shape of the E-model (ITU-T G.107): Opus with NACK hides a few per cent of loss, and
 * talk suffers beyond some 150 ms one way.
 */
export function score(loss: number, rttMs: number | null): number {
  const forLoss = loss * 25;
  const forDelay = Math.max(0, ((rttMs ?? 0) - 150) / 150);
  return Math.max(0, Math.min(5, 5 - forLoss - forDelay));
}

function count(report: RTCStatsReport): Counters {
  let sum = EMPTY;
  report.forEach((entry: Record<string, unknown>) => {
    const n = (key: string): number => (typeof entry[key] === 'number' ? entry[key] : 0);
    if (entry['type'] === 'inbound-rtp') {
      sum = { ...sum, atMs: Math.max(sum.atMs, n('timestamp')), packetsReceived: sum.packetsReceived + n('packetsReceived'), packetsLost: sum.packetsLost + n('packetsLost') };
    } else if (entry['type'] === 'remote-inbound-rtp') {
      sum = { ...sum, remoteLoss: Math.max(sum.remoteLoss, n('fractionLost')) };
    } else if (entry['type'] === 'candidate-pair' && entry['nominated'] === true && entry['state'] === 'succeeded') {
      sum = {
        ...sum, atMs: Math.max(sum.atMs, n('timestamp')), bytesSent: sum.bytesSent + n('bytesSent'), bytesReceived: sum.bytesReceived + n('bytesReceived'),
        rttMs: typeof entry['currentRoundTripTime'] === 'number' ? entry['currentRoundTripTime'] * 1000 : sum.rttMs,
      };
    }
  });
  return sum;
}
