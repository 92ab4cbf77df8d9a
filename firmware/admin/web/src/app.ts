// What all pages share: who is logged in, what may be done, where we are.
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Row, Session } from './api';

export interface App {
  session: Session;
  commands: Row[];        // command, help: those that the role may give, without the classic appliance's words, which are for who types
  changes: number;        // in the candidate
  path: string[];         // of the page
  refresh: number;        // grows with each commit: what runs is new
  go: (to: string) => void;
  committed: () => void;
}
export const AppContext = createContext<App>(null as unknown as App);
export const useApp = () => useContext(AppContext);

/** Is there such a command, for this role? words as in the table's row, without places. */
export const can = (app: App, words: string) => app.commands.some((c) => (c.command + ' ').startsWith(words + ' '));

/** Pages made of commands alone: they are there when a command is. */
export const groups: { id: 'operators' | 'alarms' | 'logs' | 'network' | 'capture' | 'backup' | 'upgrade'; fits: RegExp }[] = [
  { id: 'alarms', fits: /^(show )?alarms?\b/ },
  { id: 'logs', fits: /^(show )?(log|syslog|trace|audit)\b/ },
  { id: 'operators', fits: /^(show )?(operators?|operator-sessions|accounts?|admins?|passwd|totp|tokens?)\b/ },
  { id: 'network', fits: /^(show )?(interfaces?|network|ipv4|ipv6|dns|ntp|time|hostname|firewall|iface|routes? (add|del))\b/ },
  { id: 'capture', fits: /^(show )?(captures?|pcap)\b/ },
  { id: 'backup', fits: /^(show )?(backups?|identity|restore|factory_reset|factory-reset)\b/ },
  { id: 'upgrade', fits: /^(show )?(upgrade|slots?|image|shutdown|reboot|license|support)\b/ },
];
export const inGroup = (app: App, id: string) => app.commands.filter((c) => groups.find((g) => g.id === id)?.fits.test(c.command));
