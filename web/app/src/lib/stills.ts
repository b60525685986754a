/** The last picture of a video, kept for when none comes. */

/** As high as a still is kept: enough for a tile, and not more memory than a few frames of video. */
const MAX_HEIGHT = 360;

/** What the first element that shows this track shows now; `null` when it shows nothing. */
export function stillOf(track: string, page: Document = document): HTMLCanvasElement | null {
  const video = [...page.querySelectorAll('video')].find((one) => one.dataset.track === track && one.videoHeight > 0 && one.readyState >= 2);
  if (video === undefined) return null;
  const height = Math.min(MAX_HEIGHT, video.videoHeight);
  const width = Math.round((video.videoWidth * height) / video.videoHeight);
  const canvas = Object.assign(page.createElement('canvas'), { width, height });
  canvas.getContext('2d')?.drawImage(video, 0, 0, width, height);
  return canvas;
}
