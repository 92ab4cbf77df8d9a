// What the pages say to gh-admin. No page knows more of HTTP than this file.

export type Row = Record<string, string>;
export interface Answer {
  records: Row[]; notes: string[]; message: string; changes: number; text?: string; files?: { name: string; base64: string }[];
}
export interface Session {
  user: string; role: string; csrf: string; idle_minutes: number; login?: Row; message?: string;
}
export interface SettingRow {
  path: string; type: string; range: string; default?: string; unit: string; restarts: boolean; help: string;
}
export type Word = string | { content: string } | { base64: string };

export class Problem extends Error {
  constructor(public status: number, public code: string, detail: string) {
    super(detail);
  }
}

let csrf = '';
let onLost = () => {};
let onChanges: (n: number) => void = () => {};

/** Who is to be told that the session has ended, and how many changes the candidate has. */
export function watch(lost: () => void, changes: (n: number) => void) {
  onLost = lost;
  onChanges = changes;
}

async function send(method: string, path: string, body?: unknown, accept = 'application/json', signal?: AbortSignal,
  isBackground = false): Promise<Response> {
  const headers: Record<string, string> = { Accept: accept };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (isBackground) headers['X-Background'] = '1';
  if (csrf) headers['X-CSRF-Token'] = csrf;
  let r: Response;
  try {
    r = await fetch('/api/v1/' + path, {
      method, headers, signal, credentials: 'same-origin', body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (e) {
    if ((e as Error).name === 'AbortError') throw e;
    throw new Problem(0, 'unreachable', '');
  }
  if (r.ok) return r;
  const p = await r.json().catch(() => ({})) as { code?: string; detail?: string };
  if (r.status === 401 && p.code === 'auth') onLost();
  throw new Problem(r.status, p.code ?? '', p.detail ?? r.statusText);
}

function note(a: Answer): Answer {
  if (typeof a.changes === 'number') onChanges(a.changes);
  const error = (a as Answer & { error?: { status: number; code: string; detail: string } }).error;
  if (error) throw new Problem(error.status, error.code, error.detail);
  return a;
}

/** A path out of words, each encoded. */
export const path = (...words: string[]) => words.map(encodeURIComponent).join('/');

/** isBackground: the page asks by itself, which keeps no session alive. */
export async function get(where: string, isBackground = false): Promise<Answer> {
  return note(await (await send('GET', where, undefined, 'application/json', undefined, isBackground)).json());
}
export async function change(method: 'POST' | 'PUT' | 'DELETE', where: string, body?: unknown, isBackground = false): Promise<Answer> {
  return note(await (await send(method, where, body, 'application/json', undefined, isBackground)).json());
}
export async function command(words: Word[], isBackground = false): Promise<Answer> {
  return change('POST', 'commands', { words }, isBackground);
}
export async function schema(): Promise<SettingRow[]> {
  return (await (await send('GET', 'schema')).json()).settings;
}

export interface Login { user: string; password: string; code?: string; new_password?: string }
export async function logIn(login: Login): Promise<Session> {
  csrf = '';
  const s = await (await send('POST', 'session', login)).json() as Session;
  csrf = s.csrf;
  return s;
}
export async function banner(): Promise<string> {
  return (await (await send('GET', 'banner')).json()).banner;
}
/** The session that the browser still has, if any. */
export async function resume(): Promise<Session | null> {
  const r = await fetch('/api/v1/session', { credentials: 'same-origin' }).catch(() => null);
  if (!r || !r.ok) return null;
  const s = await r.json() as Session;
  csrf = s.csrf;
  return s;
}
export async function logOut(): Promise<void> {
  await send('DELETE', 'session').catch(() => {});
  csrf = '';
}

export interface Line {
  record?: Row; text?: string; note?: string; file?: { name: string; base64: string };
  done?: { ok: boolean; code: string; message: string; changes: number; status: number }; need?: { what: string; word: number };
  want?: { word: number; offset: number; bytes: number };
}
/** An answer as it is made, line by line. live: beside the session's other questions. */
export async function* lines(words: Word[], signal: AbortSignal, live = false): AsyncGenerator<Line> {
  yield* read(await send('POST', 'commands', { words }, live ? 'text/event-stream' : 'application/x-ndjson', signal), live);
}

/** The same for a command that reads a large file, which goes in the pieces that the box asks for and is never in memory as a whole. */
export async function* transfer(words: Word[], file: Blob | undefined, signal: AbortSignal, onSent: (part: number) => void): AsyncGenerator<Line> {
  for await (const l of read(await send('POST', 'transfers', { words }, 'application/x-ndjson', signal), true)) {
    if (!l.want) {
      yield l;
      continue;
    }
    const { offset, bytes } = l.want, piece = file!.slice(offset, offset + bytes);
    await give(offset, piece, signal);
    onSent(file!.size ? Math.min(1, (offset + piece.size) / file!.size) : 1);
  }
}

/** The box asks for a piece until it has it: one that was lost on the way is sent again. */
async function give(offset: number, piece: Blob, signal: AbortSignal): Promise<void> {
  for (let tries = 1; ; tries++) {
    const r = await fetch('/api/v1/transfers/' + offset, {
      method: 'PUT', signal, credentials: 'same-origin', body: piece, headers: { 'Content-Type': 'application/octet-stream', 'X-CSRF-Token': csrf },
    }).catch((e) => { if ((e as Error).name === 'AbortError') throw e; return null; });
    if (r?.ok || (r?.status === 409 && tries > 1)) return; // taken, or taken before and only the answer was lost
    if (r || tries === 5) throw new Problem(r?.status ?? 0, 'unreachable', r ? r.statusText : '');
    await new Promise((done) => setTimeout(done, 1000 * tries));
  }
}

async function* read(r: Response, live: boolean): AsyncGenerator<Line> {
  const reader = r.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    for (let at = rest.indexOf('\n'); at >= 0; at = rest.indexOf('\n')) {
      const line = rest.slice(0, at).replace(/^data: /, '');
      rest = rest.slice(at + 1);
      if (!line.startsWith('{')) continue;
      const l = JSON.parse(line) as Line;
      if (l.done && l.done.ok && !live) onChanges(l.done.changes);
      yield l;
    }
  }
}

/** Hands a file to the browser. */
export function download(name: string, ...content: (Uint8Array | string)[]) {
  const url = URL.createObjectURL(new Blob(content as BlobPart[]));
  const a = document.createElement('a');
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
/** A file as a word: as it is when it is text, or coded. */
export async function fileWord(f: File): Promise<Word> {
  const bytes = new Uint8Array(await f.arrayBuffer());
  try {
    return { content: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    let s = '';
    for (let i = 0; i < bytes.length; i += 8192) s += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return { base64: btoa(s) };
  }
}
export function fromBase64(s: string): Uint8Array {
  return Uint8Array.from(atob(s), (c) => c.charCodeAt(0));
}
