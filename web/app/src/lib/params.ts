/** What the page's address asks for. */
import { sameOriginUrl, type Device, type EnterAs, type RoomOptions, type VideoCodec, type VideoMode } from '@colloquy/sdk';
import { isRoom, roomFrom } from './rooms.js';

/** What a call is made with. */
export interface Wanted {
  readonly token: string | null;
  readonly server: string;
  /** `?as=`: comes in as a helper or a monitor, where the token permits it. */
  readonly as: EnterAs;
  /** `?codec=`: what our pictures are sent in. */
  readonly codec: VideoCodec | null;
  /** `?relay=1`: media goes through TURN only. */
  readonly relayOnly: boolean;
  /** `?red=1`: sound is sent with redundancy. */
  readonly red: boolean;
  /** `?device=phone`, `earpiece` or `watch`: what it is received on. */
  readonly device: Device;
  /** `?video=composite`: all on one canvas; `null` as the person chose. */
  readonly video: VideoMode | null;
  /** `?data=1`: takes part in data channels, for whoever opens some by `window.colloquy.room`. */
  readonly data: boolean;
}

export interface Params extends Wanted {
  readonly room: string | null;
  readonly name: string | null;
  readonly autojoin: boolean;
}

const POSTS: readonly EnterAs[] = ['helper', 'monitor', 'announced_monitor'];
const DEVICES: readonly Device[] = ['phone', 'earpiece', 'watch'];
const VIDEO_MODES: readonly VideoMode[] = ['forward', 'composite'];
const CODECS: readonly VideoCodec[] = ['vp8', 'h264', 'vp9', 'av1'];

export function readParams(location: Location): Params {
  const query = new URLSearchParams(location.search);
  const room = roomFrom(query.get('room') ?? '');
  return {
    room: isRoom(room) ? room : null,
    name: query.get('name')?.trim() || null,
    autojoin: query.get('autojoin') === '1',
    token: query.get('token'),
    server: query.get('server') ?? sameOriginUrl(location),
    as: POSTS.find((post) => post === query.get('as')) ?? 'participant',
    codec: CODECS.find((codec) => codec === query.get('codec')) ?? null,
    relayOnly: query.get('relay') === '1',
    red: query.get('red') === '1',
    device: DEVICES.find((device) => device === query.get('device')) ?? 'screen',
    video: VIDEO_MODES.find((mode) => mode === query.get('video')) ?? null,
    data: query.get('data') === '1',
  };
}

/** The same for the SDK. */
export function roomOptions({ server, token, codec, relayOnly, red, device, data }: Wanted): RoomOptions {
  return {
    url: server, red, device, data,
    ...(token === null ? {} : { token }), ...(codec === null ? {} : { codec }), ...(relayOnly ? { rtc: { iceTransportPolicy: 'relay' } } : {}),
  };
}

/** The link that brings others into this room; our own name and token stay with us. */
export function inviteLink(location: Location, room: string): string {
  const query = new URLSearchParams({ room });
  const server = new URLSearchParams(location.search).get('server');
  if (server !== null) query.set('server', server);
  return `${location.origin}${location.pathname}?${query.toString()}`;
}
