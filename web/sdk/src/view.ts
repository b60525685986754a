/** Watches an element: how large it is on the screen, in pixels of the screen, and whether it is seen at all. */

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** What is read of the browser; tests bring their own. */
export interface ViewEnvironment {
  readonly ResizeObserver: typeof ResizeObserver;
  readonly IntersectionObserver: typeof IntersectionObserver;
  readonly document: Pick<Document, 'visibilityState' | 'addEventListener' | 'removeEventListener'>;
  readonly devicePixelRatio: number;
}

/** A window that is being resized is let come to rest, but not for ever. */
const REST_MS = 200;
const LONGEST_MS = 1_000;

const HIDDEN: Size = { width: 0, height: 0 };

/**
 * Tells the size at once and then whenever it changed: what comes into view at once, everything else when it has rested.
 * @returns what ends it.
 */
export function watchView(element: Element, tell: (size: Size) => void, environment: ViewEnvironment = globalThis): () => void {
  let box: Size = HIDDEN;
  // Until the first report of the observer: better a picture too many than one that is late.
  let inView = true;
  let told: Size | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waitingSince: number | null = null;

  const now = (): Size => {
    if (!inView || environment.document.visibilityState === 'hidden') return HIDDEN;
    const scale = environment.devicePixelRatio || 1;
    return { width: Math.round(box.width * scale), height: Math.round(box.height * scale) };
  };
  const say = (): void => {
    clearTimeout(timer);
    waitingSince = null;
    const size = now();
    if (told !== null && told.width === size.width && told.height === size.height) return;
    told = size;
    tell(size);
  };
  const changed = (): void => {
    const appears = (told === null || told.width * told.height === 0) && now().width * now().height > 0;
    const at = Date.now();
    waitingSince ??= at;
    clearTimeout(timer);
    if (appears) say();
    else timer = setTimeout(say, Math.max(0, Math.min(REST_MS, waitingSince + LONGEST_MS - at)));
  };

  const resize = new environment.ResizeObserver(([entry]) => {
    if (entry !== undefined) box = { width: entry.contentRect.width, height: entry.contentRect.height };
    changed();
  });
  const intersection = new environment.IntersectionObserver((entries) => {
    inView = entries.at(-1)?.isIntersecting ?? true;
    changed();
  });
  resize.observe(element);
  intersection.observe(element);
  environment.document.addEventListener('visibilitychange', changed);
  return () => {
    clearTimeout(timer);
    resize.disconnect();
    intersection.disconnect();
    environment.document.removeEventListener('visibilitychange', changed);
  };
}
