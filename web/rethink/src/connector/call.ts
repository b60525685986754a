/**
 * One call between two people: two `Connection` objects, one of each side. That of the caller has the offer, that of the callee the answer; each has
 * its side's candidates, the whole list again with each new one, and the state of ICE as `status`.
 */
import { memberOf, textOf } from '../api.js';
import type { Data } from '../sync/change.js';
import type { Observed, Reported } from '../sync/object.js';

/** Candidates of one side at most. */
export const MOST_CANDIDATES = 64;

/** Why a call ended. */
export type Ending = 'hung-up' | 'declined' | 'busy' | 'failed' | 'gone';

/** What is used of a peer connection. */
export interface Peer {
  onicecandidate: ((event: RTCPeerConnectionIceEvent) => unknown) | null;
  oniceconnectionstatechange: ((event: Event) => unknown) | null;
  ontrack: ((event: RTCTrackEvent) => unknown) | null;
  readonly iceConnectionState: RTCIceConnectionState;
  readonly localDescription: RTCSessionDescription | null;
  addTrack(track: MediaStreamTrack, stream: MediaStream): unknown;
  createOffer(): Promise<RTCSessionDescriptionInit>;
  createAnswer(): Promise<RTCSessionDescriptionInit>;
  setLocalDescription(description: RTCSessionDescriptionInit): Promise<void>;
  setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void>;
  addIceCandidate(candidate: RTCIceCandidateInit): Promise<void>;
  close(): void;
}

/** Makes our object of a call, and invites the other side to it. */
export type Report = (data: Data) => Promise<Reported>;

export interface CallOptions {
  readonly peer: Peer;
  readonly name: string;
  /** The hyperty that called, in the objects of both. */
  readonly owner: string;
  readonly called: string;
  /** The other's hyperty. */
  readonly remote: string;
  /** Who the other is, if his runtime said so. */
  readonly identity: unknown;
  readonly report: Report;
  readonly ended: (call: Call) => void;
}

export class Call {
  private ours: Reported | undefined;
  private theirs: Observed | undefined;
  private candidates: RTCIceCandidateInit[] = [];
  private applied = 0;
  private isDescribed = false;
  private ending: Ending | undefined;
  private streamHandler: (stream: MediaStream) => void = () => {};
  private stateHandler: (state: string) => void = () => {};
  private endHandler: (why: Ending) => void = () => {};
  private streams: MediaStream[] = [];
  /** What was told is done one after another: a candidate must not overtake its description. */
  private work: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: CallOptions) {
    const { peer } = options;
    peer.onicecandidate = ({ candidate }) => { if (candidate) this.found(candidate); };
    peer.oniceconnectionstatechange = () => {
      const state = peer.iceConnectionState;
      this.ours?.set('status', state);
      this.stateHandler(state);
      if (state === 'failed') this.end('failed');
    };
    peer.ontrack = ({ streams }) => {
      for (const stream of streams) {
        if (this.streams.includes(stream)) continue;
        this.streams.push(stream);
        this.streamHandler(stream);
      }
    };
  }

  get name(): string { return this.options.name; }
  /** The other's hyperty. */
  get remote(): string { return this.options.remote; }
  /** Who the other is, if his runtime said so. */
  get identity(): unknown { return this.options.identity; }

  /** Hears of the other's media. */
  onAddStream(handler: (stream: MediaStream) => void): void {
    this.streamHandler = handler;
    for (const stream of this.streams) handler(stream);
  }

  /** Hears of the state of ICE. */
  onState(handler: (state: string) => void): void {
    this.stateHandler = handler;
  }

  /** Hears once that the call is over. */
  onDisconnect(handler: (why: Ending) => void): void {
    this.endHandler = handler;
    if (this.ending) handler(this.ending);
  }

  /** Calls: offers our media. */
  async offer(stream: MediaStream): Promise<void> {
    this.add(stream);
    await this.options.peer.setLocalDescription(await this.options.peer.createOffer());
    await this.report();
  }

  /** Answers a call with our media. */
  accept(stream: MediaStream): Promise<void> {
    return this.inTurn(async () => {
      if (this.ending) return;
      this.add(stream);
      await this.options.peer.setLocalDescription(await this.options.peer.createAnswer());
      await this.report();
    });
  }

  /** Does not answer a call. */
  decline(): void {
    this.end('declined');
  }

  /** Ends the call. */
  disconnect(): void {
    this.end('hung-up');
  }

  /** The other's object is there: what is in it already, and what changes. */
  observe(theirs: Observed): void {
    if (this.ending) {
      theirs.leave();
      return;
    }
    this.theirs = theirs;
    theirs.onChange(() => { void this.read(theirs.data); });
    theirs.onEnd(() => { this.end('gone'); });
    void this.read(theirs.data);
  }

  /** Ends the call. */
  end(why: Ending): void {
    if (this.ending) return;
    this.ending = why;
    this.options.peer.close();
    this.ours?.delete();
    this.theirs?.leave();
    this.options.ended(this);
    this.endHandler(why);
  }

  private add(stream: MediaStream): void {
    for (const track of stream.getTracks()) this.options.peer.addTrack(track, stream);
  }

  /** Makes our object, with what we have found until now. */
  private async report(): Promise<void> {
    const { name, owner, called, peer } = this.options;
    const local = peer.localDescription;
    const data = {
      name, scheme: 'connection', owner, peer: called, status: '',
      connectionDescription: { type: local?.type ?? 'offer', sdp: local?.sdp ?? '' },
      iceCandidates: [...this.candidates],
    };
    const had = this.candidates.length;
    const ours = await this.options.report(data);
    if (this.ending) {
      ours.delete();
      return;
    }
    this.ours = ours;
    ours.onLeft(() => { this.end('gone'); });
    if (this.candidates.length > had) ours.set('iceCandidates', [...this.candidates]);
  }

  private found(candidate: RTCIceCandidate): void {
    if (this.candidates.length >= MOST_CANDIDATES) return;
    const { candidate: line, sdpMid, sdpMLineIndex } = candidate;
    this.candidates.push({ type: 'candidate', candidate: line, sdpMid, sdpMLineIndex } as RTCIceCandidateInit);
    this.ours?.set('iceCandidates', [...this.candidates]);
  }

  private read(data: Data): Promise<void> {
    return this.inTurn(async () => {
      if (this.ending) return;
      const description = data['connectionDescription'];
      const [type, sdp] = [textOf(description, 'type'), textOf(description, 'sdp')];
      // An offer is for the callee, an answer for the caller: each once.
      const expected = this.options.remote === this.options.owner ? 'offer' : 'answer';
      if (!this.isDescribed && type === expected && sdp !== undefined && sdp !== '') {
        this.isDescribed = true;
        await this.options.peer.setRemoteDescription({ type: expected, sdp });
      }
      const candidates = data['iceCandidates'];
      if (!this.isDescribed || !Array.isArray(candidates)) return;
      for (const candidate of (candidates as unknown[]).slice(this.applied, MOST_CANDIDATES)) {
        this.applied += 1;
        const line = textOf(candidate, 'candidate');
        if (line === undefined) continue;
        const [sdpMid, sdpMLineIndex] = [textOf(candidate, 'sdpMid'), memberOf(candidate, 'sdpMLineIndex')];
        // Old runtimes tell no section: then it is the first, of all that are bundled.
        const where = { ...(sdpMid === undefined ? {} : { sdpMid }), sdpMLineIndex: typeof sdpMLineIndex === 'number' ? sdpMLineIndex : 0 };
        // One that this browser does not understand is none.
        await this.options.peer.addIceCandidate({ candidate: line, ...where }).catch(() => {});
      }
    }).catch(() => { this.end('failed'); });
  }

  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    const next = this.work.then(act, act);
    this.work = next.catch(() => {});
    return next;
  }
}
