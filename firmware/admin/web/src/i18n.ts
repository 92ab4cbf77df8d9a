import { en } from './en';
import { ja } from './ja';

export type Key = keyof typeof en;
export type Language = 'en' | 'ja';
const tables = { en, ja };

let language: Language = 'en';
export function setLanguage(l: Language) {
  language = l;
  document.documentElement.lang = l;
}
let help: Record<string, string> = {};
/** Texts that only one language needs come when it is chosen. */
export async function loadHelp(l: Language) {
  help = l === 'ja' ? (await import('./ja-help')).jaHelp : {};
}
/** What a command does: in the person's language where it is known, else as the box says. */
export const helpOf = (command: string, text: string) => help[command] ?? text;

export const getLanguage = () => language;

/** What the person chose before, or what the browser prefers. */
export function firstLanguage(): Language {
  const kept = localStorage.getItem('language');
  if (kept === 'en' || kept === 'ja') return kept;
  return navigator.language.startsWith('ja') ? 'ja' : 'en';
}

/** A column or a word of a table's row, for people. */
export function title(name: string): string {
  const known = tables[language]['col.' + name as Key];
  const text = known ?? name.replace(/[-_]/g, ' ').replace(/\b(dns|sip|tls|im|turn|posh|ntp|snmp|totp|ssh|acme|msrp|tcp|udp|dtls|ip|id|xmpp|jid|ca)\b/g, (w) => w.toUpperCase());
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A section of the settings, for people. */
export const sectionTitle = (name: string): string => tables[language]['sec.' + name as Key] ?? title(name);

export function t(key: Key, values: Record<string, string | number> = {}): string {
  return tables[language][key].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''));
}
