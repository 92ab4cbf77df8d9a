// Settings as forms, made from the schema: a new row in the table is a new field here.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { change, path, schema, type Row, type SettingRow } from './api';
import { useApp } from './app';
import { sectionTitle, t, title } from './i18n';
import { Button, Card, Failure, Field, FileButton, Loading, Page, Tag, useAction, useQuery } from './ui';

interface Entry { row: SettingRow; path: string; value?: string; running?: string }

let kept: SettingRow[] | null = null;
export function useSchema(): [SettingRow[] | null, unknown] {
  const [rows, setRows] = useState(kept), [error, setError] = useState<unknown>(null);
  useEffect(() => { if (!kept) schema().then((r) => { kept = r; setRows(r); }, setError); }, []);
  return [rows, error];
}

/** A row's pattern against a path: its keys, or null. */
function keysOf(pattern: string, where: string): string[] | null {
  const a = pattern.split(' '), b = where.split(' ');
  if (a.length !== b.length) return null;
  return a.every((w, i) => w === '*' || w === b[i]) ? b.filter((_, i) => a[i] === '*') : null;
}
const fill = (pattern: string, keys: string[]) => { let i = 0; return pattern.replace(/\*/g, () => keys[i++]); };
const section = (p: string) => p.split(' ')[0];
const stem = (p: string) => p.slice(0, p.indexOf(' *'));

function Editor(p: { entry: Entry; onDone: () => void }) {
  const { row } = p.entry;
  const [value, setValue] = useState(row.type === 'pem' || row.type === 'secret' ? '' : p.entry.value ?? row.default ?? '');
  const act = useAction();
  const id = 'edit-' + p.entry.path.replace(/\W/g, '-');
  const range = row.type === 'int' ? row.range.split('..') : [];
  const isUnchanged = value === (p.entry.value ?? '');
  const save = (v: string) => act.run(async () => { await change('PUT', 'settings/' + path(...p.entry.path.split(' ')), { value: v }); p.onDone(); });
  const input = () => {
    switch (row.type) {
      case 'bool':
        return <select id={id} value={value} onChange={(e) => setValue(e.currentTarget.value)}><option value="on">{t('conf.on')}</option><option value="off">{t('conf.off')}</option></select>;
      case 'enum':
        return <select id={id} value={value} onChange={(e) => setValue(e.currentTarget.value)}>{row.range.split('|').map((o) => <option key={o} value={o}>{o}</option>)}</select>;
      case 'int':
        return <span class="with-unit"><input id={id} type="number" inputMode="numeric" min={range[0]} max={range[1]} value={value} onInput={(e) => setValue(e.currentTarget.value)} />{row.unit}</span>;
      case 'pem':
        return <><textarea id={id} rows={6} spellcheck={false} placeholder="-----BEGIN …" value={value} onInput={(e) => setValue(e.currentTarget.value)} />
          <FileButton label={t('conf.upload')} accept=".pem,.crt,.cer" onText={setValue} /></>;
      case 'secret':
        return <input id={id} type="password" autocomplete="new-password" value={value} onInput={(e) => setValue(e.currentTarget.value)} />;
      default:
        return <input id={id} value={value} spellcheck={false} autocomplete="off" onInput={(e) => setValue(e.currentTarget.value)}
          placeholder={{ listen: '192.0.2.1 443', host: 'host.example 5061', address: '192.0.2.53', domain: 'example.com' }[row.type] ?? ''} />;
    }
  };
  return (
    <form class="editor" onSubmit={(e) => { e.preventDefault(); save(value); }}>
      <Field label={title(p.entry.path)} help={row.help} id={id}>{input()}</Field>
      <p class="muted small">{row.type === 'int' && <>{t('conf.range')}: {range.join(' – ')} {row.unit} · </>}
        {row.default !== undefined && <>{t('conf.default')}: {row.default} {row.unit} · </>}{t(row.restarts ? 'conf.restart' : 'conf.live')}</p>
      {act.view}
      <div class="actions">
        <Button kind="primary" type="submit" busy={act.busy} disabled={isUnchanged || value === ''}>{t('conf.save')}</Button>
        {p.entry.value !== undefined && <Button busy={act.busy} onClick={() => act.run(async () => { await change('DELETE', 'settings/' + path(...p.entry.path.split(' '))); p.onDone(); })}>{t(row.default !== undefined ? 'conf.reset' : 'conf.remove')}</Button>}
        <Button kind="quiet" onClick={p.onDone}>{t('app.cancel')}</Button>
      </div>
    </form>
  );
}

function Setting(p: { entry: Entry; isShort: boolean; reload: () => void }) {
  const [isOpen, setOpen] = useState(false);
  const e = p.entry, isChanged = e.value !== e.running;
  if (isOpen) return <li class="setting open"><Editor entry={e} onDone={() => { setOpen(false); p.reload(); }} /></li>;
  const label = p.isShort ? e.path.split(' ').slice(-1)[0] : e.path.split(' ').slice(1).join(' ') || e.path;
  const shown = e.value === undefined ? (e.row.default !== undefined && e.row.default !== '' ? `${e.row.default} ${e.row.unit}` : t('conf.unset')) :
    e.row.type === 'secret' ? t('conf.secret') : `${e.value} ${e.row.unit}`;
  return (
    <li class="setting">
      <button type="button" class="setting-row" onClick={() => setOpen(true)} aria-label={`${t('conf.edit')}: ${e.path}`}>
        <span class="setting-name">{title(label)}{isChanged && <Tag kind="warn">{t('conf.changed')}</Tag>}</span>
        <span class={'setting-value ' + (e.value === undefined ? 'muted' : '')}>{shown}</span>
        <span class="setting-help">{e.row.help}</span>
      </button>
    </li>
  );
}

function Keyed(p: { stem: string; rows: SettingRow[]; keys: string[]; entry: (row: SettingRow, keys: string[]) => Entry; reload: () => void }) {
  const [key, setKey] = useState(''), [fresh, setFresh] = useState<string[]>([]);
  const act = useAction();
  const all = [...new Set([...p.keys, ...fresh])];
  return (
    <Card title={title(p.stem)} class="compact" actions={
      <form class="adder" onSubmit={(e) => { e.preventDefault(); if (key.trim()) setFresh([...fresh, key.trim()]); setKey(''); }}>
        <input aria-label={`${t('conf.add.key')}: ${p.stem}`} placeholder={t('conf.add.key')} value={key} onInput={(e) => setKey(e.currentTarget.value)} spellcheck={false} />
        <Button type="submit" disabled={!key.trim()}>{t('conf.add')}</Button>
      </form>}>
      {p.rows.length === 1 && <p class="help">{p.rows[0].help}</p>}
      {all.map((k) => (
        <details key={k} class="keyed" open={fresh.includes(k) || p.rows.length === 1}>
          <summary><strong>{k}</strong></summary>
          <ul class="settings">{p.rows.map((r) => <Setting key={r.path} entry={p.entry(r, [k])} isShort reload={p.reload} />)}</ul>
          {p.keys.includes(k) && <Button kind="danger" busy={act.busy} onClick={() => act.run(async () => {
            if (p.rows.length > 1 || !p.rows[0].path.endsWith('*')) await change('DELETE', 'settings/' + path(...p.stem.split(' '), k));
            else await change('DELETE', 'settings/' + path(...fill(p.rows[0].path, [k]).split(' ')));
            p.reload();
          })}>{t('conf.removekey', { key: k })}</Button>}
        </details>
      ))}
      {act.view}
    </Card>
  );
}

export function Configuration() {
  const app = useApp();
  const [rows, error] = useSchema();
  const [filter, setFilter] = useState('');
  const candidate = useQuery('candidate', 0, [app.refresh]), running = useQuery('settings', 0, [app.refresh]);
  const sections = useMemo(() => [...new Set((rows ?? []).map((r) => section(r.path)))], [rows]);
  const here = app.path[1] ?? sections[0] ?? '';
  if (error || candidate.error || running.error) return <Page title={t('conf.title')}><Failure error={error || candidate.error || running.error} /></Page>;
  if (!rows || !candidate.data || !running.data) return <Page title={t('conf.title')}><Loading /></Page>;
  const values = new Map(candidate.data.records.map((r: Row) => [r.setting, r.value]));
  const now = new Map(running.data.records.map((r: Row) => [r.setting, r.value]));
  const reload = () => { candidate.reload(); running.reload(); };
  const entry = (row: SettingRow, keys: string[]): Entry => { const w = fill(row.path, keys); return { row, path: w, value: values.get(w), running: now.get(w) }; };
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = rows.filter((r) => words.length ? words.every((w) => (r.path + ' ' + r.help).toLowerCase().includes(w)) : section(r.path) === here);
  const single = shown.filter((r) => !r.path.includes('*'));
  const stems = [...new Set(shown.filter((r) => r.path.includes('*')).map((r) => stem(r.path)))];
  const keysUnder = (s: string) => [...new Set([...values.keys(), ...now.keys()].flatMap((w) => {
    const r = rows.find((x) => x.path.startsWith(s + ' *') && keysOf(x.path, w));
    return r ? [keysOf(r.path, w)![0]] : [];
  }))].sort();
  const count = (s: string) => [...values.keys()].filter((w) => section(w) === s).length;
  return (
    <Page title={t('conf.title')} lead={t('conf.lead')}>
      <div class="split">
        <nav class="sections" aria-label={t('conf.sections')}>
          <input type="search" placeholder={t('conf.filter')} aria-label={t('conf.filter')} value={filter} onInput={(e) => setFilter(e.currentTarget.value)} />
          <ul>{sections.map((s) => <li key={s}><a href={'/configuration/' + s} aria-current={!words.length && s === here ? 'page' : undefined} onClick={() => setFilter('')}>{sectionTitle(s)}{count(s) > 0 && <span class="count" title={t('conf.customised', { n: count(s) })}>{count(s)}</span>}</a></li>)}</ul>
        </nav>
        <div class="stack grow">
          {!shown.length && <p class="muted">{t('conf.nomatch')}</p>}
          {single.length > 0 && <Card title={words.length ? undefined : sectionTitle(here)}><ul class="settings">{single.map((r) => <Setting key={r.path} entry={entry(r, [])} isShort={false} reload={reload} />)}</ul></Card>}
          {stems.map((s) => <Keyed key={s} stem={s} rows={shown.filter((r) => r.path.startsWith(s + ' *'))} keys={keysUnder(s)} entry={entry} reload={reload} />)}
        </div>
      </div>
    </Page>
  );
}
