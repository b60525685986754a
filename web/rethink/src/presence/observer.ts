import type { Bus, Configuration } from '../api.js';
import { UserAvailabilityObserver } from './presence.js';

export default function activate(url: string, bus: Bus, configuration: Configuration): { name: string; instance: UserAvailabilityObserver } {
  return { name: 'UserAvailabilityObserver', instance: new UserAvailabilityObserver(url, bus, configuration) };
}
