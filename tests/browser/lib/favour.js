/** What stands for a network or a server in its own right is not to wait for the browsers that share this machine with it. */
import { setPriority } from 'node:os';

/** The kernel gives such a process its turn at once. */
const NICE = -15;

/** Right after it was started: the threads that it makes are favoured too. Without the right to do so it waits like the others. */
export function favour(child) {
  try {
    setPriority(child.pid, NICE);
  } catch (error) {
    if (!['EACCES', 'EPERM', 'ESRCH'].includes(error.code ?? error.info?.code)) throw error;
  }
  return child;
}
