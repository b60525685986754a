/** What the page's address asks for. */
import { sameOriginUrl } from '@colloquy/sdk';
import { isRoom, roomFrom } from './rooms.js';

export interface Params {
  readonly room: string | null;
  readonly name: string | null;
  readonly autojoin: boolean;
  readonly token: string | null;
  readonly server: string;
}

export function readParams(location: Location): Params {
  const query = new URLSearchParams(location.search);
  const room = roomFrom(query.get('room') ?? '');
  return {
    room: isRoom(room) ? room : null,
    name: query.get('name')?.trim() || null,
    autojoin: query.get('autojoin') === '1',
    token: query.get('token'),
    server: query.get('server') ?? sameOriginUrl(location),
  };
}

/** The link that brings others into this room; our own name and token stay with us. */
export function inviteLink(location: Location, room: string): string {
  const query = new URLSearchParams({ room });
  const server = new URLSearchParams(location.search).get('server');
  if (server !== null) query.set('server', server);
  return `${location.origin}${location.pathname}?${query.toString()}`;
}
