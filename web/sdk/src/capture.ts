/**
 * Getting media from devices. `navigator.mediaDevices` is looked up at each call: tests and browser extensions replace
 * its methods after we were loaded.
 */
import { ColloquyError, mediaError } from './errors.js';

/** What to ask of the camera when the caller has no wish: 720p is what a grid can show. */
const CAMERA: MediaTrackConstraints = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const MICROPHONE: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export function microphoneConstraints(deviceId?: string): MediaTrackConstraints {
  return deviceId ? { ...MICROPHONE, deviceId: { exact: deviceId } } : MICROPHONE;
}

export function cameraConstraints(deviceId?: string): MediaTrackConstraints {
  return deviceId ? { ...CAMERA, deviceId: { exact: deviceId } } : CAMERA;
}

/**
 * Opens the microphone.
 * @throws ColloquyError `media.*`
 */
export async function captureMicrophone(deviceId?: string): Promise<MediaStreamTrack> {
  const stream = await capture(() => devices().getUserMedia({ audio: microphoneConstraints(deviceId) }));
  return only(stream.getAudioTracks());
}

/**
 * Opens the camera.
 * @throws ColloquyError `media.*`
 */
export async function captureCamera(deviceId?: string): Promise<MediaStreamTrack> {
  const stream = await capture(() => devices().getUserMedia({ video: cameraConstraints(deviceId) }));
  return only(stream.getVideoTracks());
}

/**
 * Asks what to share; with the sound of it where the browser can.
 * @throws ColloquyError `media.*`; `media.not_allowed` also when the person thought better of it.
 */
export async function captureScreen(): Promise<{ video: MediaStreamTrack; audio: MediaStreamTrack | null }> {
  const stream = await capture(() => devices().getDisplayMedia({ video: { frameRate: { ideal: 15, max: 30 } }, audio: true }));
  const video = only(stream.getVideoTracks());
  // Text must stay sharp; smoothness is second.
  video.contentHint = 'detail';
  return { video, audio: stream.getAudioTracks()[0] ?? null };
}

/** The devices that can be chosen; labels are empty until a permission was given. */
export async function listDevices(): Promise<MediaDeviceInfo[]> {
  return (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
}

async function capture(open: () => Promise<MediaStream>): Promise<MediaStream> {
  try {
    return await open();
  } catch (error) {
    throw mediaError(error);
  }
}

function only(tracks: readonly MediaStreamTrack[]): MediaStreamTrack {
  const track = tracks[0];
  if (track === undefined) throw new ColloquyError('media.not_found', 'The device gave no media.', 'Choose another device.');
  return track;
}

/** Absent on pages that were not loaded securely. */
function devices(): MediaDevices {
  if (navigator.mediaDevices === undefined) {
    throw new ColloquyError('media.insecure', 'Browsers give cameras and microphones only to secure pages.', 'Open this page by https, or on localhost.');
  }
  return navigator.mediaDevices;
}

/** One captured device, or why there is none. */
export type Captured = MediaStreamTrack | ColloquyError;

/**
 * Opens microphone and camera together, so that the browser asks once. When that fails because one is missing, each is
 * tried alone; a refusal by the person stands for both and is not asked again.
 */
export async function captureBoth(microphoneId?: string, cameraId?: string): Promise<{ microphone: Captured; camera: Captured }> {
  try {
    const stream = await devices().getUserMedia({ audio: microphoneConstraints(microphoneId), video: cameraConstraints(cameraId) });
    return { microphone: only(stream.getAudioTracks()), camera: only(stream.getVideoTracks()) };
  } catch (cause) {
    const error = mediaError(cause);
    if (error.code === 'media.insecure') return { microphone: error, camera: error };
    if (error.code === 'media.not_allowed' && !(await eitherGranted())) return { microphone: error, camera: error };
    const [microphone, camera] = await Promise.all([
      captureMicrophone(microphoneId).catch(mediaError), captureCamera(cameraId).catch(mediaError),
    ]);
    return { microphone, camera };
  }
}

/** A camera may be forbidden on a site whose microphone is allowed; then the joint question fails though one would work. */
async function eitherGranted(): Promise<boolean> {
  const states = await Promise.all(['microphone', 'camera'].map(async (name) => {
    try {
      return (await navigator.permissions.query({ name: name as PermissionName })).state;
    } catch {
      // Engines that do not know the name cannot tell.
      return 'prompt';
    }
  }));
  return states.includes('granted');
}
