/**
 * The recvonly transceivers ("places"). A place that was negotiated once is pointed at one track after another by
 * `subscribe`, without an offer; only when no place of the right kind is idle is a new one made. One of each kind is kept to spare,
 * so that whoever comes next is heard and seen without waiting for an offer.
 */
import { ColloquyError, isConnectionLoss } from './errors.js';
import { NO_PREFERENCE, same, type ViewPreference } from './preferences.js';
import type { Kind, Request } from './protocol.js';

export interface Place {
  readonly transceiver: RTCRtpTransceiver;
  readonly kind: Kind;
  /** The track that should be received here. */
  wanted: string | null;
  /** What the server was last known to send here; `undefined` when a lost socket left it open. */
  pointed: string | null | undefined;
  /** Who the server was last told comes first in it. */
  pin: string | null;
  /** What the server was last known to be told of how it is looked at; `undefined` when a lost socket left it open. */
  told: ViewPreference | undefined;
  negotiated: boolean;
  busy: boolean;
  /** What was received here last, while it is idle. */
  last: string | null;
  /** Which of all that went idle it was; 0 while it was never used. */
  left: number;
}

/** Until a place to spare that was taken is made up for: with others that come in the same moment, and after what is wanted now. */
const MADE_UP_MS = 1_000;

export interface PlacesHost {
  /** Of which kinds a place is kept to spare. */
  spares(): readonly Kind[];
  addTransceiver(kind: Kind): RTCRtpTransceiver;
  /** An offer is needed because there is a new place. */
  negotiate(): Promise<void>;
  request(request: Extract<Request, { type: 'subscribe' | 'prefer' }>): Promise<unknown>;
  /** How this track is looked at. */
  preference(track: string): ViewPreference;
  /** Who comes first on it, where it is a canvas. */
  pin?(track: string): string | null;
  attached(track: string, media: MediaStreamTrack): void;
  detached(track: string): void;
  failed(track: string, error: ColloquyError): void;
}

export class Places {
  readonly #places: Place[] = [];
  /** An offer was refused that was not when it went without places to spare. */
  #tooMany = false;
  #makingUp = false;
  #went = 0;

  constructor(private readonly host: PlacesHost) {}

  /** The media of a subscribed track, once the server sends it. */
  media(track: string): MediaStreamTrack | null {
    const place = this.#places.find((p) => p.wanted === track && p.pointed === track);
    return place?.transceiver.receiver.track ?? null;
  }

  /** Whether this track is what the place of this mid is for now. */
  shows(mid: string, track: string): boolean {
    return this.#places.some((p) => p.wanted === track && p.transceiver.mid === mid);
  }

  /** The preference of a track, or who comes first on it, changed. */
  prefer(track: string): void {
    const place = this.#places.find((p) => p.wanted === track);
    if (place !== undefined) void this.#reconcile(place);
  }

  has(track: string): boolean {
    return this.#places.some((p) => p.wanted === track);
  }

  want(track: string, kind: Kind): void {
    if (this.has(track)) return;
    const idle = this.#idle(track, kind);
    if (idle !== undefined) {
      idle.wanted = track;
      // Who comes back begins with nothing but his own end.
      if (idle.last === track && kind === 'audio') idle.transceiver.receiver.track.enabled = true;
      void this.#reconcile(idle);
      if (this.#lacking().length > 0) this.#makeUp();
      return;
    }
    this.#add(kind, track);
    this.host.negotiate().catch((error: unknown) => this.#report(track, error));
  }

  /** What is received as one track is received as another from now on, in the same place if there is one. */
  turn(from: string, to: string, kind: Kind): void {
    const place = this.#places.find((p) => p.wanted === from);
    if (from === to || place === undefined || this.has(to)) return this.want(to, kind);
    place.wanted = to;
    void this.#reconcile(place);
  }

  drop(track: string): void {
    const place = this.#places.find((p) => p.wanted === track);
    if (place === undefined) return;
    const wasAttached = place.pointed === track;
    place.wanted = null;
    if (wasAttached) this.#detach(place, track);
    void this.#reconcile(place);
  }

  /** The track ended at its publisher: the server has let go of it already. */
  forget(track: string): void {
    const place = this.#places.find((p) => p.wanted === track);
    if (place === undefined) return;
    const wasAttached = place.pointed === track;
    place.wanted = null;
    if (wasAttached) {
      place.pointed = null;
      this.#detach(place, track);
    }
  }

  /** An offer is about to be made: it may have a place to spare of each kind. */
  spare(): void {
    for (const kind of this.#lacking()) this.#add(kind, null);
  }

  /** For the offer that is being made: what the places that are new in it should receive. */
  subscriptions(): Record<string, string> {
    const map: Record<string, string> = {};
    for (const { transceiver, wanted, negotiated } of this.#places) {
      if (!negotiated && wanted !== null && transceiver.mid !== null) map[transceiver.mid] = wanted;
    }
    return map;
  }

  /** The offer with these subscriptions was answered. */
  answered(subscriptions: Readonly<Record<string, string>>): void {
    for (const place of this.#places) {
      const mid = place.transceiver.mid;
      if (place.negotiated || mid === null || place.transceiver.currentDirection === null) continue;
      place.negotiated = true;
      place.pointed = subscriptions[mid] ?? null;
      place.pin = null;
      this.#settle(place);
      void this.#reconcile(place);
    }
  }

  /** The offer was refused, and may have been for the places to spare in it: without them from now on. Whether there were any. */
  withoutSpares(): boolean {
    const had = this.#drop((place) => !place.negotiated && place.wanted === null).length > 0;
    this.#tooMany ||= had;
    return had;
  }

  /** The offer was refused: places that were only in it are no more. Their tracks are returned. */
  refused(): string[] {
    // The places to spare were not the cause.
    this.#tooMany = false;
    return this.#drop((place) => !place.negotiated).flatMap(({ wanted }) => wanted ?? []);
  }

  /** After a reconnect: say again whatever may have been lost on the way. */
  resume(): void {
    for (const place of this.#places) void this.#reconcile(place);
  }

  #add(kind: Kind, wanted: string | null): void {
    const transceiver = this.host.addTransceiver(kind);
    this.#places.push({ transceiver, kind, wanted, pointed: null, pin: null, told: NO_PREFERENCE, negotiated: false, busy: false, last: null, left: 0 });
  }

  /** The idle place where the same was received before, else that from which the end of somebody else is the longest gone. */
  #idle(track: string, kind: Kind): Place | undefined {
    const idle = this.#places.filter((p) => p.kind === kind && p.wanted === null);
    return idle.find((p) => p.last === track) ?? idle.sort((a, b) => a.left - b.left)[0];
  }

  #drop(which: (place: Place) => boolean): Place[] {
    const dropped = this.#places.filter(which);
    for (const place of dropped) {
      place.transceiver.stop();
      this.#places.splice(this.#places.indexOf(place), 1);
    }
    return dropped;
  }

  /** The kinds of which no place is idle. */
  #lacking(): Kind[] {
    if (this.#tooMany) return [];
    return this.host.spares().filter((kind) => !this.#places.some((p) => p.kind === kind && p.wanted === null));
  }

  #makeUp(): void {
    if (this.#makingUp) return;
    this.#makingUp = true;
    setTimeout(() => {
      this.#makingUp = false;
      // Nobody waits for it: what else is offered later has the place too.
      if (this.#lacking().length > 0) this.host.negotiate().catch(() => undefined);
    }, MADE_UP_MS);
  }

  async #reconcile(place: Place): Promise<void> {
    if (place.busy || !place.negotiated) return;
    place.busy = true;
    // What is to be said is looked up without a pause between the look and the end: a wish that comes during one would be lost.
    for (let step = this.#next(place); step !== null; step = this.#next(place)) {
      if (!(await step())) break;
    }
    place.busy = false;
  }

  /** The next thing to say about a place; it tells whether the socket holds. `null`: all is said. */
  #next(place: Place): (() => Promise<boolean>) | null {
    const { wanted, pointed, told, transceiver: { mid } } = place;
    if (mid === null) return null;
    // How it is looked at before what it shows: nothing larger is sent even for a moment, and nothing is held back. Of an
    // empty place nothing is said: nobody looks at it.
    const preference = wanted === null ? told : this.host.preference(wanted);
    if (preference !== undefined && (told === undefined || !same(told, preference))) return () => this.#prefer(place, mid, preference);
    const pin = wanted === null ? null : (this.host.pin?.(wanted) ?? null);
    return wanted === pointed && (wanted === null || pin === place.pin) ? null : () => this.#point(place, mid, wanted, pin);
  }

  async #prefer(place: Place, mid: string, preference: ViewPreference): Promise<boolean> {
    const { size, pinned, weight } = preference;
    try {
      await this.host.request({ type: 'prefer', mid, pinned, weight, ...(size === null ? {} : { width: size.width, height: size.height }) });
    } catch (error) {
      if (isConnectionLoss(error)) {
        place.told = undefined;
        return false;
      }
      // A server that does not take it sends what it likes.
    }
    place.told = preference;
    return true;
  }

  async #point(place: Place, mid: string, target: string | null, pin: string | null): Promise<boolean> {
    const isSame = place.pointed === target;
    try {
      await this.host.request({ type: 'subscribe', mid, track: target, ...(pin === null ? {} : { pin }) });
      place.pointed = target;
      place.pin = pin;
      if (!isSame) this.#settle(place);
    } catch (error) {
      if (isConnectionLoss(error)) {
        place.pointed = undefined;
        return false;
      }
      // Refused, mostly because the track ended meanwhile: the place is idle again.
      if (place.wanted === target) place.wanted = null;
      place.pointed = null;
      place.pin = null;
      if (target !== null) this.#report(target, error);
    }
    return true;
  }

  #settle(place: Place): void {
    if (place.wanted !== null && place.wanted === place.pointed) {
      if (place.kind === 'audio') place.transceiver.receiver.track.enabled = true;
      this.host.attached(place.wanted, place.transceiver.receiver.track);
    }
  }

  /** What the browser has yet to play of who went is not heard: nobody is to hear the end of it in the place of who comes next. */
  #detach(place: Place, track: string): void {
    if (place.kind === 'audio') place.transceiver.receiver.track.enabled = false;
    this.#went += 1;
    place.left = this.#went;
    place.last = track;
    this.host.detached(track);
  }

  #report(track: string, error: unknown): void {
    if (error instanceof ColloquyError && !isConnectionLoss(error) && error.code !== 'client.closed') this.host.failed(track, error);
  }
}
