/** One RTCPeerConnection: sends and places, offers one after another, candidates, restarts. Knows tracks, not people. */
import { ActiveEncodings, type EncodingUse } from './active.js';
import { OwnChannels, remoteData, reserveData, type DataOptions, type RemoteData } from './channels.js';
import { inStereo, preferCodecs, sentAsBefore, type CodecPreferences } from './codecs.js';
import { ColloquyError, isConnectionLoss } from './errors.js';
import { extensionsFor, offerExtensions } from './extensions.js';
import { IceGuard } from './ice.js';
import type { TransportState } from './ice.js';
import { NegotiationQueue } from './negotiation.js';
import { Places } from './places.js';
import type { ViewPreference } from './preferences.js';
import type { Encoding, VideoCodec } from './profiles.js';
import type { Kind, Request, RequestType, ResultOf, Source } from './protocol.js';

/** Encodings that were told of tracks whose answer has not come yet: ours are four. */
const EARLY_ENCODINGS = 8;

export interface TransportHost {
  request<T extends RequestType>(request: Extract<Request, { type: T }>): Promise<ResultOf[T]>;
  /** A signed claim of who we are, for this offer, where one is wanted. */
  claim(sdp: string): Promise<string | null>;
  /** The server knows this send under this id now. */
  published(send: Send, track: string): void;
  attached(track: string, media: MediaStreamTrack): void;
  detached(track: string): void;
  failed(track: string, error: ColloquyError): void;
  /** How this track is looked at. */
  preference(track: string): ViewPreference;
  /** Who comes first on it, where it is a canvas. */
  pin(track: string): string | null;
  /** What others publish of these kinds may come by itself: there is a place to spare for it. */
  spares(): readonly Kind[];
  /** Somebody opened a data channel to us. */
  data(data: RemoteData): void;
  state(state: TransportState): void;
  /** Nothing short of a new transport helps. */
  broken(): void;
}

export interface TransportOptions {
  readonly iceServers: readonly RTCIceServer[];
  readonly codecs: CodecPreferences;
  readonly codec: VideoCodec | undefined;
  readonly rtc: RTCConfiguration;
  readonly data: boolean;
}

/**
 * A sendonly transceiver. After an unpublish it is idle, and the next publish of the same source takes it again: cameras and screens
 * differ in their encodings, which cannot be changed.
 */
export interface Send {
  readonly transceiver: RTCRtpTransceiver;
  readonly kind: Kind;
  readonly madeFor: Source;
  readonly active: ActiveEncodings;
  source: Source | null;
  track: string | null;
}

type Offer = Extract<Request, { type: 'offer' }>;

export class Transport {
  readonly pc: RTCPeerConnection;
  readonly places: Places;
  readonly #sends: Send[] = [];
  readonly #queue = new NegotiationQueue(() => this.#negotiate());
  readonly #guard: IceGuard;
  readonly #channels: OwnChannels;
  #unanswered: Offer | null = null;
  /** Offers ask for stereo where the browser would not have. */
  #changed = false;
  #candidates: RTCIceCandidate[] = [];
  readonly #early = new Map<string, readonly EncodingUse[]>();
  #reserved: (() => void) | null = null;
  #closed = false;

  constructor(private readonly options: TransportOptions, private readonly host: TransportHost) {
    this.pc = new RTCPeerConnection({
      bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require', ...options.rtc,
      iceServers: [...options.iceServers, ...(options.rtc.iceServers ?? [])],
    });
    this.places = new Places({
      spares: host.spares,
      addTransceiver: (kind) => {
        const transceiver = this.pc.addTransceiver(kind, { direction: 'recvonly' });
        offerExtensions(transceiver, extensionsFor(kind, 'receive'));
        return transceiver;
      },
      negotiate: () => this.#queue.request(),
      request: (request) => host.request(request),
      attached: host.attached,
      detached: host.detached,
      failed: host.failed,
      preference: host.preference,
      pin: host.pin,
    });
    this.#guard = new IceGuard(this.pc, { restart: () => this.restartIce(), state: host.state, broken: host.broken });
    this.pc.onicecandidate = (event) => this.#candidate(event.candidate);
    this.pc.ondatachannel = ({ channel }) => {
      const data = remoteData(channel);
      if (data === null) channel.close();
      else host.data(data);
    };
    this.#channels = new OwnChannels(this.pc, () => this.#queue.request(), options.data);
    if (options.data) this.#reserved = reserveData(this.pc);
  }

  /** Sends `media` as `source`; the promise is that of the answered offer. */
  publish(source: Source, media: MediaStreamTrack, encodings: Encoding[]): { send: Send; done: Promise<void> } {
    const kind: Kind = media.kind === 'audio' ? 'audio' : 'video';
    const send = this.#idleSend(source) ?? this.#newSend(source, kind, media, encodings);
    send.source = source;
    send.transceiver.direction = 'sendonly';
    void send.transceiver.sender.replaceTrack(media);
    preferCodecs(send.transceiver, kind, this.options.codecs);
    offerExtensions(send.transceiver, extensionsFor(kind, 'send', this.options.codec));
    return { send, done: this.#queue.request() };
  }

  unpublish(send: Send): Promise<void> {
    send.source = null;
    send.track = null;
    send.active.reset();
    void send.transceiver.sender.replaceTrack(null);
    if (send.transceiver.mid === null) {
      // Never offered: gone without a word.
      send.transceiver.stop();
      this.#sends.splice(this.#sends.indexOf(send), 1);
      return Promise.resolve();
    }
    send.transceiver.direction = 'inactive';
    return this.#queue.request();
  }

  /** Which encodings of a track of ours are of use. */
  setEncodings(track: string, uses: readonly EncodingUse[]): void {
    const send = this.#sends.find((one) => one.track === track);
    if (send !== undefined) send.active.set(uses);
    else if (this.#early.size < EARLY_ENCODINGS) this.#early.set(track, uses);
  }

  /** Opens a data channel; the first one may take an offer. The promise is that of its being open. */
  openData(label: string, options: DataOptions): Promise<RTCDataChannel> {
    return this.#channels.open(label, options);
  }

  restartIce(): void {
    if (this.#closed) return;
    this.pc.restartIce();
    this.#queue.request().catch(() => undefined);
  }

  /** The socket is gone; media may go on. */
  pause(): void {
    this.#queue.pause();
    this.#guard.pause();
  }

  /** The same participant on a new socket. */
  resume(): void {
    // An offer whose answer was lost is sent once more before anything else.
    if (this.#unanswered !== null) this.#queue.request().catch(() => undefined);
    this.#queue.resume();
    this.#guard.resume();
    this.places.resume();
  }

  /** The client's network changed under it. */
  networkChanged(): void {
    this.restartIce();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#guard.close();
    this.#queue.close();
    this.#channels.close();
    this.pc.onicecandidate = null;
    this.pc.ondatachannel = null;
    this.pc.close();
  }

  #idleSend(source: Source): Send | undefined {
    return this.#sends.find((s) => s.madeFor === source && s.source === null);
  }

  #newSend(source: Source, kind: Kind, media: MediaStreamTrack, encodings: Encoding[]): Send {
    const transceiver = addSend(this.pc, media, encodings);
    const send: Send = { transceiver, kind, madeFor: source, active: new ActiveEncodings(transceiver.sender), source: null, track: null };
    this.#sends.push(send);
    return send;
  }

  async #negotiate(): Promise<void> {
    if (this.#unanswered !== null) await this.#complete(this.#unanswered);
    await this.#complete(await this.#offer());
  }

  async #offer(): Promise<Offer> {
    this.places.spare();
    const { type, sdp = '' } = await this.pc.createOffer();
    const changed = inStereo(sdp);
    // Later offers have it by themselves.
    this.#changed ||= changed !== sdp;
    await this.pc.setLocalDescription({ type, sdp: changed });
    // From here on the description has the section for data.
    this.#reserved?.();
    this.#reserved = null;
    const sources: Record<string, Source> = {};
    for (const { transceiver, source } of this.#sends) {
      if (source !== null && transceiver.mid !== null) sources[transceiver.mid] = source;
    }
    const offer: Offer = {
      type: 'offer', sdp: this.pc.localDescription?.sdp ?? '', sources, subscriptions: this.places.subscriptions(),
    };
    this.#unanswered = offer;
    return offer;
  }

  async #complete(offer: Offer): Promise<void> {
    try {
      // Made when it is sent: it is for one connection to the server, and the same offer may go over another.
      const identity = await this.host.claim(offer.sdp);
      const answer = await this.host.request(identity === null ? offer : { ...offer, identity });
      await this.pc.setRemoteDescription({ type: 'answer', sdp: this.#changed ? sentAsBefore(answer.sdp) : answer.sdp });
      this.#unanswered = null;
      for (const send of this.#sends) this.#published(send, answer.tracks);
      this.places.answered(offer.subscriptions ?? {});
      this.#flushCandidates();
    } catch (error) {
      // The server may have taken it: the same offer goes again over the next socket.
      if (this.#closed || isConnectionLoss(error)) throw error;
      // A track that ended while we asked for it spoils the whole offer. Without wishes it is good, and each place asks
      // for its track alone afterwards.
      if (error instanceof ColloquyError && error.code === 'track.unknown' && Object.keys(offer.subscriptions ?? {}).length > 0) {
        this.#unanswered = { ...offer, subscriptions: {} };
        return await this.#complete(this.#unanswered);
      }
      await this.#refused(error);
    }
  }

  #published(send: Send, tracks: Readonly<Record<string, string>>): void {
    const id = send.transceiver.mid === null ? undefined : tracks[send.transceiver.mid];
    if (id === undefined || send.source === null || send.track === id) return;
    send.track = id;
    const uses = this.#early.get(id);
    if (uses !== undefined) send.active.set(uses);
    this.#early.delete(id);
    this.host.published(send, id);
  }

  /** Back to the last agreed state, without the parts that only this offer had. */
  async #refused(cause: unknown): Promise<void> {
    this.#unanswered = null;
    this.#candidates = [];
    if (this.pc.signalingState === 'have-local-offer') await this.pc.setLocalDescription({ type: 'rollback' });
    if (this.places.withoutSpares()) return await this.#complete(await this.#offer());
    const error = cause instanceof ColloquyError ? cause
      : new ColloquyError('client.negotiation', 'The browser refused the answer of the server.', 'Reload the page.', { cause });
    for (const track of this.places.refused()) this.host.failed(track, error);
    for (const send of this.#sends.filter((s) => s.transceiver.currentDirection === null)) {
      send.transceiver.stop();
      this.#sends.splice(this.#sends.indexOf(send), 1);
    }
    throw error;
  }

  /** Candidates wait for the answer: before it the server may have nothing to add them to. */
  #candidate(candidate: RTCIceCandidate | null): void {
    if (candidate === null) return;
    this.#candidates.push(candidate);
    if (this.#unanswered === null) this.#flushCandidates();
  }

  #flushCandidates(): void {
    const candidates = this.#candidates;
    this.#candidates = [];
    for (const { candidate, sdpMid, sdpMLineIndex, usernameFragment } of candidates) {
      this.host.request({
        type: 'candidate', candidate,
        ...(sdpMid === null ? {} : { mid: sdpMid }),
        ...(sdpMLineIndex === null ? {} : { mline_index: sdpMLineIndex }),
        ...(usernameFragment === null ? {} : { ufrag: usernameFragment }),
      }).catch(() => undefined);
      // A refused candidate costs one path; the server's own candidates give others.
    }
  }
}

/** Engines refuse a whole transceiver for one word that they do not take in `scalabilityMode`: then it goes without. */
function addSend(pc: RTCPeerConnection, media: MediaStreamTrack, encodings: Encoding[]): RTCRtpTransceiver {
  try {
    return pc.addTransceiver(media, { direction: 'sendonly', sendEncodings: encodings });
  } catch {
    const plain = encodings.map(({ scalabilityMode: _mode, ...rest }) => rest);
    return pc.addTransceiver(media, { direction: 'sendonly', sendEncodings: plain });
  }
}
