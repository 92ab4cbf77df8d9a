// Any command as a form, made from its row: what is new in the table can be used here at once.
import { useEffect, useId, useMemo, useRef, useState } from 'preact/hooks';
import { command, download, fileWord, fromBase64, lines, transfer, type Line, type Row, type Word } from './api';
import { groups, inGroup, useApp } from './app';
import { helpOf, t, title, type Key } from './i18n';
import { Button, Card, Failure, Field, Notice, Page, Sure, Table, useQuery } from './ui';

interface Place { name: string; isOptional: boolean; isMany: boolean }
type Part = string | Place;
export function parse(command: string): Part[] {
  return command.split(' ').map((w) => w[0] === '<' || w[0] === '['
    ? { name: w.replace(/[<>[\].]/g, ''), isOptional: w[0] === '[', isMany: w.endsWith('...') } : w);
}
const isSecret = (n: string) => /password|secret|passphrase|verifier/.test(n);
const isFile = (n: string) => /(^|-)(file|image|archive)$/.test(n);
/** Files that the box reads in pieces. */
const isLarge = (n: string) => /^(backup|upgrade)-file$/.test(n);
/** Words that end or change something at once, outside the candidate. */
const isGrave = (c: string) => /\b(delete|close|end|reboot|shutdown|factory[_-]reset|restore|evict|upgrade|revert)\b/.test(c);

export interface Run { rows: Row[]; text: string; notes: string[]; message: string; error: string; isBusy: boolean; need: string; sent?: number }
const nothing: Run = { rows: [], text: '', notes: [], message: '', error: '', isBusy: false, need: '' };

/** Runs a command and keeps what comes. */
export function useRun(limit = 5000) {
  const [run, setRun] = useState<Run>(nothing);
  const stop = useRef<AbortController | null>(null);
  useEffect(() => () => stop.current?.abort(), []);
  const take = (r: Run, l: Line): Run => {
    if (l.record) return { ...r, rows: [...r.rows, l.record].slice(-limit) };
    if (l.text !== undefined) return { ...r, text: (r.text + l.text).slice(-2_000_000) };
    if (l.note) return { ...r, notes: [...r.notes, l.note] };
    if (l.need) return { ...r, need: l.need.what };
    if (l.done) return l.done.ok ? { ...r, message: l.done.message || t('cmd.ok') } : { ...r, error: l.done.message || l.done.code };
    return r;
  };
  const start = async (words: Word[], isLive = false, file?: File) => {
    stop.current?.abort();
    const mine = stop.current = new AbortController(), made = new Map<string, Uint8Array[]>();
    setRun({ ...nothing, isBusy: true, sent: file && 0 });
    try {
      const answer = file ? transfer(words, file, mine.signal, (sent) => setRun((r) => ({ ...r, sent }))) : lines(words, mine.signal, isLive);
      for await (const l of answer) {
        if (l.file) made.set(l.file.name, [...made.get(l.file.name) ?? [], fromBase64(l.file.base64)]); // further parts of one file
        if (l.done?.ok) made.forEach((parts, name) => download(name, ...parts));
        setRun((r) => take(r, l));
      }
    } catch (e) {
      if ((e as Error).name !== 'AbortError') setRun((r) => ({ ...r, error: (e as Error).message }));
    }
    if (stop.current === mine) setRun((r) => ({ ...r, isBusy: false }));
  };
  return { run, start, stop: () => { stop.current?.abort(); setRun((r) => ({ ...r, isBusy: false })); }, clear: () => setRun(nothing) };
}

export function Outcome(p: { run: Run; name?: string }) {
  const { run } = p;
  return (
    <div class="stack" aria-live="polite">
      {run.isBusy && run.sent !== undefined && <label class="stack"><span class="muted">{t(run.sent < 1 ? 'cmd.sending' : 'cmd.working', { n: Math.floor(run.sent * 100) })}</span><progress max={1} value={run.sent} /></label>}
      {run.notes.map((n) => <Notice key={n} kind="warn">{n}</Notice>)}
      {run.rows.length > 0 && <Table rows={run.rows} caption={p.name} />}
      {run.text && <><pre class="text" tabIndex={0}>{run.text}</pre><div class="actions"><Button onClick={() => download((p.name ?? 'answer').replace(/\W+/g, '-') + '.txt', run.text)}>{t('cmd.download')}</Button></div></>}
      {run.error && <Notice kind="bad">{run.error}</Notice>}
      {run.message && <Notice kind="good">{run.message}</Notice>}
    </div>
  );
}

function CommandForm(p: { command: string; onDone?: () => void }) {
  const parts = useMemo(() => parse(p.command), [p.command]);
  const [values, setValues] = useState<Record<number, string>>({}), [files, setFiles] = useState<Record<number, { file: File; word: Word }>>({}), [isSure, setSure] = useState(false);
  const { run, start, stop } = useRun();
  const id = 'cmd-' + p.command.replace(/\W+/g, '-');
  const words = (): Word[] => parts.flatMap((w, i): Word[] => {
    if (typeof w === 'string') return [w];
    if (files[i]) return [files[i].word];
    const v = values[i] ?? '';
    if (!v) return [];
    if (isSecret(w.name) || isFile(w.name)) return [{ content: v }];
    return w.isMany ? v.trim().split(/\s+/) : [v.trim()];
  });
  const large = Object.entries(files).find(([i]) => isLarge((parts[Number(i)] as Place).name))?.[1].file;
  const go = async () => { setSure(false); await start(words(), false, large); p.onDone?.(); };
  const isMissing = parts.some((w, i) => typeof w !== 'string' && !w.isOptional && !values[i] && !files[i]);
  const set = (i: number, v: string) => setValues({ ...values, [i]: v });
  return (
    <form class="stack" onSubmit={(e) => { e.preventDefault(); if (isGrave(p.command)) setSure(true); else go(); }}>
      <div class="fields">
        {parts.map((w, i) => typeof w === 'string' ? null : (
          <Field key={i} label={title(w.name)} id={`${id}-${i}`} optional={w.isOptional} help={w.isMany ? t('cmd.several') : undefined}>
            {isFile(w.name) ? <input id={`${id}-${i}`} type="file" onChange={async (e) => { const f = e.currentTarget.files?.[0]; if (f) setFiles({ ...files, [i]: { file: f, word: isLarge(w.name) ? f.name : await fileWord(f) } }); }} />
              : <input id={`${id}-${i}`} type={isSecret(w.name) ? 'password' : 'text'} autocomplete={isSecret(w.name) ? 'new-password' : 'off'} spellcheck={false} value={values[i] ?? ''} onInput={(e) => set(i, e.currentTarget.value)} />}
          </Field>
        ))}
      </div>
      <div class="actions">
        <Button kind={isGrave(p.command) ? 'danger' : 'primary'} type="submit" busy={run.isBusy} disabled={isMissing}>{t('cmd.run')}</Button>
        {run.isBusy && <Button onClick={stop}>{t('cmd.stop')}</Button>}
      </div>
      {isSure && <Sure text={`${p.command}: ${t('cmd.danger')}`} action={t('cmd.run')} onYes={go} onNo={() => setSure(false)} />}
      <Outcome run={run} name={p.command} />
    </form>
  );
}

function CommandList(p: { commands: Row[]; isFirstOpen?: boolean; onDone?: () => void }) {
  return (
    <div class="commands">
      {p.commands.map((c, i) => (
        <details key={c.command} class="keyed" open={p.isFirstOpen && i === 0}>
          <summary><code>{c.command}</code><span class="muted summary-help">{helpOf(c.command, c.help)}</span></summary>
          <CommandForm command={c.command} onDone={p.onDone} />
        </details>
      ))}
    </div>
  );
}

export function AllCommands() {
  const app = useApp();
  const [filter, setFilter] = useState('');
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = app.commands.filter((c) => words.every((w) => (c.command + ' ' + c.help + ' ' + helpOf(c.command, '')).toLowerCase().includes(w)));
  const count = (x: string) => app.commands.filter((c) => topic(c.command) === x).length;
  const group = (c: Row) => { const x = topic(c.command); return x === 'settings' ? t('cmd.settings') : count(x) > 1 ? title(x) : t('cmd.other'); };
  const rank = (x: string) => x === t('cmd.settings') ? 0 : x === t('cmd.other') ? 2 : 1;
  const topics = [...new Set(shown.map(group))].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  return (
    <Page title={t('cmd.title')} lead={t('cmd.lead')} actions={<a class="button" href="/api/v1/openapi.json" target="_blank" rel="noopener">OpenAPI</a>}>
      <input class="filter" type="search" placeholder={t('cmd.filter')} aria-label={t('cmd.filter')} value={filter} onInput={(e) => setFilter(e.currentTarget.value)} />
      {!shown.length && <p class="muted">{t('cmd.nomatch')}</p>}
      <div class="stack">{topics.map((x) => <Card key={x} title={x} class="compact"><CommandList commands={shown.filter((c) => group(c) === x)} /></Card>)}</div>
    </Page>
  );
}
const settings = /^(set|delete|describe|diff|check|commit|confirm|revert|rollback|discard|history|save|load|merge|show settings|show candidate)\b/;
const topic = (c: string) => { if (settings.test(c)) return 'settings'; const w = c.split(' '); return w[0] === 'show' && w[1] && !/^[<[]/.test(w[1]) ? w[1] : w[0]; };

/** The commands that take one value out of a row of this list: `capture get <name>` for a row with a name. */
const verbsFor = (commands: Row[], row: Row) => commands.flatMap((c) => {
  const parts = parse(c.command), places = parts.filter((w): w is Place => typeof w !== 'string');
  const value = places.length === 1 && !places[0].isMany ? row[places[0].name] : undefined;
  return value ? [{ command: c, verb: parts.filter((w) => typeof w === 'string').pop() as string, words: parts.map((w) => typeof w === 'string' ? w : value) }] : [];
});

/** A command without places whose answer is looked at, kept fresh. verbs: what can be done with a row. */
export function Shown(p: { words: string; title: string; every_ms?: number; refresh?: number; actions?: (r: Row) => preact.ComponentChildren; verbs?: Row[]; isNewestFirst?: boolean; empty?: string; onDone?: () => void }) {
  const words = p.words.split(' ');
  const q = useQuery(words[0] === 'show' ? words.map(encodeURIComponent).join('/') : (isBackground) => command(words, isBackground), p.every_ms ?? 10000, [p.refresh, p.words]);
  const [filter, setFilter] = useState(''), [asked, setAsked] = useState<ReturnType<typeof verbsFor>[number] | null>(null);
  const { run, start } = useRun();
  const go = async (w: Word[]) => { setAsked(null); await start(w); q.reload(); p.onDone?.(); };
  const all = q.data?.records ?? [];
  const some = filter ? all.filter((r) => Object.values(r).join(' ').toLowerCase().includes(filter.toLowerCase())) : all;
  const rows = p.isNewestFirst ? [...some].reverse() : some;
  const actions = p.actions ?? (p.verbs && all.some((r) => verbsFor(p.verbs!, r).length) ? (r: Row) => verbsFor(p.verbs!, r).map((v) => (
    <Button key={v.command.command} kind="quiet" class={isGrave(v.command.command) ? 'danger-text' : ''} title={helpOf(v.command.command, v.command.help)} aria-label={v.words.join(' ')}
      onClick={() => isGrave(v.command.command) ? setAsked(v) : go(v.words)}>{title(v.verb)}</Button>)) : undefined);
  return (
    <Card title={p.title} actions={all.length > 12 ? <input type="search" class="narrow" aria-label={`${t('log.filter')}: ${p.title}`} placeholder={t('log.filter')} value={filter} onInput={(e) => setFilter(e.currentTarget.value)} /> : undefined}>
      {q.error ? <Failure error={q.error} retry={q.reload} /> : q.data ? (q.data.text ? <pre class="text" tabIndex={0}>{q.data.text}</pre> : <Table rows={rows} caption={p.title} actions={actions} empty={p.empty} />) : null}
      {(run.error || run.message || run.text || run.rows.length > 0) && <Outcome run={run} name={p.title} />}
      {asked && <Sure text={`${asked.words.join(' ')}: ${t('cmd.danger')}`} action={title(asked.verb)} onYes={() => go(asked.words)} onNo={() => setAsked(null)} />}
    </Card>
  );
}

/** Follows a command whose answer does not end by itself. */
function Live(p: { command: Row }) {
  const { run, start, stop } = useRun(2000);
  const [filter, setFilter] = useState('');
  const places = parse(p.command.command).filter((w) => typeof w !== 'string');
  const [values, setValues] = useState<string[]>([]);
  const id = useId();
  const isFollowed = /\bfollow=/.test(p.command.help);
  const rows = run.rows.filter((r) => !filter || Object.values(r).join(' ').toLowerCase().includes(filter.toLowerCase()));
  const text = filter ? run.text.split('\n').filter((l) => l.toLowerCase().includes(filter.toLowerCase())).join('\n') : run.text;
  const words = (): Word[] => {
    let i = 0;
    const typed = parse(p.command.command).flatMap((w) => typeof w === 'string' ? [w] : (values[i++] ?? '').trim().split(/\s+/).filter(Boolean));
    return isFollowed && !typed.some((w) => w.startsWith('follow=')) ? [...typed, 'follow=3600'] : typed;
  };
  return (
    <Card title={t('log.live')} actions={run.isBusy ? <Button onClick={stop}>{t('log.pause')}</Button> : <Button kind="primary" onClick={() => start(words(), true)}>{t('cmd.live')}</Button>}>
      <p class="help"><code>{p.command.command}</code> {helpOf(p.command.command, p.command.help)}</p>
      <div class="inline">
        {places.map((w, i) => typeof w !== 'string' && <Field key={i} id={id + i} label={title(w.name)} optional={w.isOptional}><input id={id + i} value={values[i] ?? ''} onInput={(e) => { const v = [...values]; v[i] = e.currentTarget.value; setValues(v); }} /></Field>)}
        <Field id={id + 'filter'} label={t('log.filter')}><input id={id + 'filter'} type="search" value={filter} onInput={(e) => setFilter(e.currentTarget.value)} /></Field>
      </div>
      <Outcome run={{ ...run, rows: rows.slice(-500).reverse(), text, message: '' }} name={p.command.command} />
    </Card>
  );
}

/** A page made of commands alone. */
export function GroupPage(p: { id: (typeof groups)[number]['id'] }) {
  const app = useApp();
  const [n, setN] = useState(0);
  const all = inGroup(app, p.id);
  const needsNothing = (c: Row) => parse(c.command).every((w) => typeof w === 'string' || w.isOptional);
  const shown = all.filter((c) => needsNothing(c) && !/\bfollow=/.test(c.help) && (/^show /.test(c.command) || /^\S+ (status|list)$/.test(c.command)));
  const live = all.filter((c) => /\b(follow|trace|tail)\b/.test(c.command) || /\bfollow=/.test(c.help));
  const rest = all.filter((c) => !shown.includes(c) && !live.includes(c));
  const isLog = p.id === 'logs' || p.id === 'alarms';
  return (
    <Page title={t(('nav.' + p.id) as Key)}>
      <div class="stack">
        {live.map((c) => <Live key={c.command} command={c} />)}
        {shown.map((c) => <Shown key={c.command} refresh={n} title={helpOf(c.command, c.help)} words={parse(c.command).filter((w) => typeof w === 'string').join(' ')} verbs={rest} every_ms={isLog ? 4000 : 10000}
          isNewestFirst={p.id === 'logs' || /history/.test(c.command)} empty={p.id === 'alarms' ? t('dash.noalarms') : undefined} onDone={() => setN(n + 1)} />)}
        {rest.length > 0 && <Card title={t('nav.manage')} class="compact"><CommandList commands={rest} onDone={() => setN(n + 1)} /></Card>}
      </div>
    </Page>
  );
}
