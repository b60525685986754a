import type { Bus, Configuration } from '../api.js';
import { UserAvailabilityReporter } from './presence.js';

export default function activate(url: string, bus: Bus, configuration: Configuration): { name: string; instance: UserAvailabilityReporter } {
  return { name: 'UserAvailabilityReporter', instance: new UserAvailabilityReporter(url, bus, configuration) };
}
