/** Still pictures of those in the room, over HTTP: one of somebody, or the small ones of everybody for a wall. */
import { ColloquyError } from './errors.js';

export interface SnapshotOptions {
  /** Default: the camera. */
  readonly source?: 'camera' | 'screen';
  /** 160x90, or as large as it comes. Default: the thumbnail. */
  readonly size?: 'thumbnail' | 'full';
}

/** A JPEG of somebody. */
export interface Snapshot {
  readonly image: Blob;
  /** How long ago it was taken, in seconds. */
  readonly ageS: number;
  /** Names the picture: another one has another. */
  readonly tag: string;
}

/** Somebody on a wall. */
export interface Thumbnail {
  readonly participant: string;
  readonly name: string;
  /** 160x90; `null` where there is none. The same object as long as it is the same picture. */
  readonly image: Blob | null;
  /** How long ago it was taken, in ms. */
  readonly ageMs: number | null;
  /** Why there is no picture, such as `snapshot.off` or `snapshot.opted_out`. */
  readonly missing: string | null;
}

interface ThumbnailEntry {
  readonly participant: string;
  readonly name: string;
  readonly tag?: string;
  readonly age_ms?: number;
  readonly jpeg?: string;
  readonly missing?: string;
}

interface ThumbnailsPage {
  readonly thumbnails: readonly ThumbnailEntry[];
  readonly next?: string;
}

/** Pages of 64 that are read of one wall: as many people as a room takes. */
const MAX_PAGES = 16;
/** Tags that fit into an address. */
const MAX_HAVE = 128;

/** Where the HTTP API of a room is, by the address of the server's WebSocket. */
export function roomUrl(socketUrl: string, room: string): string {
  const url = new URL(socketUrl);
  url.protocol = url.protocol === 'wss:' || url.protocol === 'https:' ? 'https:' : 'http:';
  return `${url.origin}/api/v1/rooms/${encodeURIComponent(room)}`;
}

/** Reads pictures; remembers those of the last wall, which are not sent again. */
export class Snapshots {
  #known = new Map<string, Blob>();

  async one(room: string, token: string, participant: string, { source = 'camera', size = 'thumbnail' }: SnapshotOptions): Promise<Snapshot> {
    const response = await get(`${room}/participants/${encodeURIComponent(participant)}/snapshot?source=${source}&size=${size}`, token);
    return {
      image: await response.blob(),
      ageS: Number(response.headers.get('age') ?? 0),
      tag: (response.headers.get('etag') ?? '').replaceAll('"', ''),
    };
  }

  async wall(room: string, token: string, source: 'camera' | 'screen'): Promise<Thumbnail[]> {
    const known = new Map<string, Blob>();
    const wall: Thumbnail[] = [];
    const have = [...this.#known.keys()].slice(0, MAX_HAVE).join(',');
    let after: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const query = new URLSearchParams({ source, ...(have === '' ? {} : { have }), ...(after === undefined ? {} : { after }) });
      const { thumbnails, next } = await (await get(`${room}/thumbnails?${query}`, token)).json() as ThumbnailsPage;
      for (const entry of thumbnails) {
        const image = this.#image(entry);
        if (image !== null && entry.tag !== undefined) known.set(entry.tag, image);
        wall.push({ participant: entry.participant, name: entry.name, image, ageMs: entry.age_ms ?? null, missing: entry.missing ?? null });
      }
      if (next === undefined) break;
      after = next;
    }
    this.#known = known;
    return wall;
  }

  #image({ tag, jpeg }: ThumbnailEntry): Blob | null {
    const held = tag === undefined ? undefined : this.#known.get(tag);
    if (held !== undefined) return held;
    return jpeg === undefined ? null : new Blob([Uint8Array.from(atob(jpeg), (byte) => byte.charCodeAt(0))], { type: 'image/jpeg' });
  }
}

async function get(url: string, token: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  } catch (cause) {
    throw new ColloquyError('client.unreachable', 'The server cannot be reached.', 'Try again in a moment.', { cause });
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({})) as { code?: string; detail?: string; remedy?: string };
  throw new ColloquyError(problem.code ?? 'client.unreachable', problem.detail ?? `The server answered ${response.status}.`, problem.remedy ?? '');
}
