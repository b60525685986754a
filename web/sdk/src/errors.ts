/** Every failure that reaches a caller of the SDK is a {@link ColloquyError}: a stable code, what happened, how to mend it. */
import type { ErrorFrame } from './protocol.js';

/** Codes of the server (`docs/src/api/websocket.md`) and, under `client.` and `media.`, our own. */
export type ErrorCode =
  | 'auth.required' | 'auth.invalid' | 'auth.expired' | 'auth.forbidden'
  | 'protocol.version' | 'protocol.malformed' | 'protocol.unexpected'
  | 'room.full' | 'room.unknown' | 'participant.unknown' | 'track.unknown' | 'track.kind' | 'audience.refused'
  | 'sdp.rejected' | 'limit.exceeded' | 'rate.exceeded' | 'resume.unknown' | 'server.busy' | 'server.draining'
  | 'snapshot.off' | 'snapshot.none' | 'snapshot.opted_out' | 'snapshot.withheld' | 'snapshot.unreadable' | 'snapshot.disabled'
  | 'client.unreachable' | 'client.connection_lost' | 'client.timeout' | 'client.closed' | 'client.state'
  | 'client.unsupported' | 'client.negotiation'
  | 'media.not_found' | 'media.not_allowed' | 'media.not_readable' | 'media.overconstrained'
  | 'media.insecure' | 'media.aborted' | 'media.unknown';

export class ColloquyError extends Error {
  override readonly name = 'ColloquyError';

  constructor(
    /** A stable code; a newer server may send one that is not in {@link ErrorCode}. */
    readonly code: ErrorCode | (string & {}),
    message: string,
    /** What the person in front of the screen can do, in one sentence; may be empty. */
    readonly remedy = '',
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }

  static fromFrame(frame: ErrorFrame): ColloquyError {
    return new ColloquyError(frame.code, frame.message, frame.remedy);
  }
}

/** True when the connection failed rather than the request: the same request may be sent again after reconnecting. */
export function isConnectionLoss(error: unknown): boolean {
  return error instanceof ColloquyError
    && (error.code === 'client.connection_lost' || error.code === 'client.timeout' || error.code === 'client.unreachable');
}

const MEDIA_ERRORS: Readonly<Record<string, readonly [ErrorCode, string, string]>> = {
  NotFoundError: ['media.not_found', 'No such device was found.', 'Plug in a microphone or camera, then try again.'],
  NotAllowedError: ['media.not_allowed', 'The browser may not use this device.', 'Allow it in the site settings beside the address bar, then try again.'],
  SecurityError: ['media.not_allowed', 'The browser may not use this device.', 'Allow it in the site settings beside the address bar, then try again.'],
  NotReadableError: ['media.not_readable', 'The device could not be started.', 'Close other programs that use it, then try again.'],
  OverconstrainedError: ['media.overconstrained', 'The chosen device cannot do what was asked.', 'Choose another device.'],
  AbortError: ['media.aborted', 'Starting the device was interrupted.', 'Try again.'],
};

/** Names the failure of `getUserMedia` or `getDisplayMedia`. */
export function mediaError(cause: unknown): ColloquyError {
  if (cause instanceof ColloquyError) return cause;
  const name = cause instanceof Error || isDomException(cause) ? cause.name : '';
  const [code, message, remedy] = MEDIA_ERRORS[name]
    ?? ['media.unknown', 'The device could not be used.', 'Try again or choose another device.'];
  return new ColloquyError(code, message, remedy, { cause });
}

/** A `DOMException` need not be an `Error` in every engine; a mocked one never is. */
function isDomException(value: unknown): value is { name: string } {
  return typeof value === 'object' && value !== null && 'name' in value && typeof value.name === 'string';
}
