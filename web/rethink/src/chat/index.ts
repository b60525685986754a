import type { Bus, Configuration } from '../api.js';
import { GroupChatManager } from './chat.js';

export default function activate(url: string, bus: Bus, configuration: Configuration): { name: string; instance: GroupChatManager } {
  return { name: 'GroupChatManager', instance: new GroupChatManager(url, bus, configuration) };
}
