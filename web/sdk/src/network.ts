/** Tells when the machine changed its network: a cable pulled, Wi-Fi to mobile. */

interface NetworkInformation extends EventTarget {
  readonly type?: string;
}

export function watchNetwork(changed: () => void): () => void {
  const connection = (navigator as Navigator & { connection?: NetworkInformation }).connection;
  let type = connection?.type;
  // Chromium fires this for every new estimate of the speed too; only another kind of network matters.
  const onChange = (): void => {
    if (connection?.type === type) return;
    type = connection?.type;
    changed();
  };
  addEventListener('online', changed);
  connection?.addEventListener('change', onChange);
  return () => {
    removeEventListener('online', changed);
    connection?.removeEventListener('change', onChange);
  };
}
