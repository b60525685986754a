/** What the SDK finds in the browser around it. */

/** True where this browser has all that a call needs. */
export function isSupported(): boolean {
  return typeof RTCPeerConnection === 'function' && typeof WebSocket === 'function'
    && typeof RTCRtpTransceiver === 'function' && 'replaceTrack' in RTCRtpSender.prototype;
}

/** The same-origin address of the server that served the page. */
export function sameOriginUrl(location: { protocol: string; host: string }): string {
  return `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}/api/v1/ws`;
}
