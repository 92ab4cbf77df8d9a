// The design system's parts: small, accessible, without knowledge of the box.
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { get, Problem, type Answer, type Row } from './api';
import { getLanguage, t, title, type Key } from './i18n';

type Children = { children?: ComponentChildren };

export function Button(p: JSX.HTMLAttributes<HTMLButtonElement> & { kind?: 'primary' | 'danger' | 'quiet'; busy?: boolean; type?: 'submit' | 'button'; disabled?: boolean }) {
  const { kind, busy, type = 'button', disabled, class: extra, ...rest } = p;
  return <button {...rest} type={type} class={`button ${kind ?? ''} ${extra ?? ''}`} disabled={disabled || busy} aria-busy={busy} />;
}

export function Field(p: Children & { label: string; help?: string; error?: string; id: string; optional?: boolean }) {
  return (
    <div class="field">
      <label for={p.id}>{p.label}{p.optional && <span class="muted"> ({t('cmd.optional')})</span>}</label>
      {p.children}
      {p.help && <p class="help" id={p.id + '-help'}>{p.help}</p>}
      {p.error && <p class="error" role="alert">{p.error}</p>}
    </div>
  );
}

type InputProps = Omit<JSX.InputHTMLAttributes<HTMLInputElement>, 'onChange'> & {
  label: string; help?: string; onValue: (v: string) => void; optional?: boolean;
};
export function TextField({ label, help, onValue, optional, ...rest }: InputProps) {
  const id = useId();
  return (
    <Field label={label} help={help} id={id} optional={optional}>
      <input {...rest} id={id} aria-describedby={help && id + '-help'} onInput={(e) => onValue(e.currentTarget.value)} />
    </Field>
  );
}

export function Card(p: Children & { title?: string; actions?: ComponentChildren; class?: string }) {
  return (
    <section class={'card ' + (p.class ?? '')}>
      {(p.title || p.actions) && <header class="card-head">{p.title && <h2>{p.title}</h2>}<div class="actions">{p.actions}</div></header>}
      {p.children}
    </section>
  );
}

export function Page(p: Children & { title: string; lead?: string; actions?: ComponentChildren }) {
  useEffect(() => { document.title = `${p.title} · Gatehouse`; }, [p.title]);
  return (
    <>
      <header class="page-head">
        <div><h1 tabIndex={-1}>{p.title}</h1>{p.lead && <p class="lead">{p.lead}</p>}</div>
        {p.actions && <div class="actions">{p.actions}</div>}
      </header>
      {p.children}
    </>
  );
}

export function Tag(p: Children & { kind?: 'good' | 'warn' | 'bad' | 'plain' }) {
  return <span class={`tag ${p.kind ?? 'plain'}`}>{p.children}</span>;
}

export function Notice(p: Children & { kind: 'good' | 'warn' | 'bad' | 'info'; onClose?: () => void }) {
  return (
    <div class={`notice ${p.kind}`} role={p.kind === 'bad' ? 'alert' : 'status'}>
      <div class="grow">{p.children}</div>
      {p.onClose && <button type="button" class="icon" aria-label={t('app.close')} onClick={p.onClose}>×</button>}
    </div>
  );
}

export const problemText = (e: unknown) =>
  e instanceof Problem ? (e.code === 'unreachable' ? t('app.unreachable') : e.message) : String(e);
export function Failure(p: { error: unknown; retry?: () => void }) {
  return (
    <Notice kind="bad">{problemText(p.error)}{p.retry && <> <Button kind="quiet" onClick={p.retry}>{t('app.retry')}</Button></>}</Notice>
  );
}

export function Loading() {
  return <p class="loading" role="status"><span class="spinner" aria-hidden="true" />{t('app.loading')}</p>;
}

/** A modal dialog of the browser's own: keeps the focus inside, closes with Escape. */
export function Dialog(p: Children & { title: string; onClose: () => void; wide?: boolean }) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => { ref.current?.showModal(); }, []);
  return (
    <dialog ref={ref} class={p.wide ? 'wide' : ''} aria-labelledby={id} onClose={p.onClose}>
      <header class="card-head"><h2 id={id}>{p.title}</h2>
        <button type="button" class="icon" aria-label={t('app.close')} onClick={() => ref.current?.close()}>×</button></header>
      {p.children}
    </dialog>
  );
}

/** Asked before what cannot be undone. */
export function Sure(p: { text: string; action: string; onYes: () => void; onNo: () => void }) {
  return (
    <Dialog title={p.action} onClose={p.onNo}>
      <p>{p.text}</p>
      <div class="actions end"><Button onClick={p.onNo}>{t('app.cancel')}</Button><Button kind="danger" onClick={p.onYes}>{p.action}</Button></div>
    </Dialog>
  );
}

const tones: [RegExp, 'good' | 'warn' | 'bad'][] = [
  [/^(running|ok|up|yes|ready|pass|passed|valid|active|connected|on)$/i, 'good'],
  [/^(waiting|starting|stopping|pending|warn|warning|skipped|trial)$/i, 'warn'],
  [/^(failed|down|fail|error|expired|none|dead|refused|critical|major|raised)$/i, 'bad'],
];
const statusKeys = new Set(['state', 'result', 'status', 'verdict', 'severity']);
export function Value(p: { name: string; value: string }) {
  if (statusKeys.has(p.name)) {
    const tone = tones.find(([r]) => r.test(p.value));
    if (p.value) return <Tag kind={tone?.[1]}>{p.value}</Tag>;
  }
  if (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(p.value)) return <time dateTime={p.value} title={p.value}>{when(p.value, p.name === 'time')}</time>;
  return <>{p.value}</>;
}

export function when(iso: string, hasSeconds = false): string {
  const d = new Date(iso);
  return isNaN(+d) ? iso : d.toLocaleString(getLanguage(), { dateStyle: 'medium', timeStyle: hasSeconds ? 'medium' : 'short' });
}
export function duration(s: number): string {
  const unit = (n: number, u: string) => new Intl.NumberFormat(getLanguage(), { style: 'unit', unit: u, unitDisplay: 'short' }).format(n);
  if (s < 90) return unit(s, 'second');
  if (s < 5400) return unit(Math.round(s / 60), 'minute');
  if (s < 172800) return unit(Math.round(s / 3600), 'hour');
  return unit(Math.round(s / 86400), 'day');
}
export const number = (n: number) => new Intl.NumberFormat(getLanguage(), { maximumFractionDigits: 1 }).format(n);

/** Records as a table; at phone width each row becomes a list of its own. A single record stands upright. */
export function Table(p: { rows: Row[]; columns?: string[]; labels?: Record<string, string>; actions?: (r: Row) => ComponentChildren; caption?: string; empty?: string }) {
  const columns = p.columns ?? [...new Set(p.rows.flatMap((r) => Object.keys(r)))];
  if (!p.rows.length) return <p class="muted empty">{p.empty ?? t('app.none')}</p>;
  if (p.rows.length === 1 && columns.length > 7) {
    return <><dl class="facts">{columns.map((c) => <div key={c}><dt>{p.labels?.[c] ?? title(c)}</dt><dd><Value name={c} value={p.rows[0][c] ?? ''} /></dd></div>)}</dl>{p.actions && <div class="actions facts-actions">{p.actions(p.rows[0])}</div>}</>;
  }
  return (
    <div class="table-box" tabIndex={0} role="region" aria-label={p.caption ?? columns.join(', ')}>
      <table>
        <thead><tr>{columns.map((c) => <th key={c} scope="col">{p.labels?.[c] ?? title(c)}</th>)}{p.actions && <th><span class="hidden">{t('app.more')}</span></th>}</tr></thead>
        <tbody>
          {p.rows.map((r, i) => (
            <tr key={i}>
              {columns.map((c) => <td key={c} data-label={p.labels?.[c] ?? title(c)} class={/^-?[\d.]+$/.test(r[c] ?? '') ? 'number' : ''}><Value name={c} value={r[c] ?? ''} /></td>)}
              {p.actions && <td class="row-actions">{p.actions(r)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export interface Query { data: Answer | null; error: unknown; reload: () => void; at: number }
/** An answer that is kept fresh while the page is seen. where null: nothing is asked. */
export function useQuery(where: string | null | ((isBackground: boolean) => Promise<Answer>), every_ms = 0, deps: unknown[] = []): Query {
  const [state, set] = useState<{ data: Answer | null; error: unknown; at: number }>({ data: null, error: null, at: 0 });
  const [n, setN] = useState(0);
  useEffect(() => {
    let isOver = false, timer = 0;
    let isFirst = true;
    const ask = async () => {
      if (where === null) return;
      try {
        const data = await (typeof where === 'string' ? get(where, !isFirst) : where(!isFirst));
        isFirst = false;
        if (!isOver) set({ data, error: null, at: performance.now() });
      } catch (error) {
        if (!isOver) set((s) => ({ ...s, error }));
      }
      if (!isOver && every_ms) timer = window.setTimeout(() => (document.hidden ? wait() : ask()), every_ms);
    };
    const wait = () => document.addEventListener('visibilitychange', ask, { once: true });
    ask();
    return () => {
      isOver = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', ask);
    };
  }, [typeof where === 'string' ? where : '', every_ms, n, ...deps]);
  return { ...state, reload: () => setN((v) => v + 1) };
}

/** One action at a time, with its outcome. */
export function useAction() {
  const [busy, setBusy] = useState(false), [error, setError] = useState<unknown>(null), [done, setDone] = useState('');
  const run = async (what: () => Promise<unknown>, said: Key | '' = '') => {
    setBusy(true);
    setError(null);
    setDone('');
    try {
      await what();
      if (said) setDone(t(said));
      return true;
    } catch (e) {
      setError(e);
      return false;
    } finally {
      setBusy(false);
    }
  };
  const view = <>{error ? <Failure error={error} /> : null}{done && <Notice kind="good" onClose={() => setDone('')}>{done}</Notice>}</>;
  return { busy, run, view, error };
}

/** Figures over time: an area without axes, its scale said in words. */
export function Chart(p: { points: number[]; label: string; unit: string }) {
  const w = 240, h = 56, max = Math.max(1, ...p.points);
  const at = (v: number, i: number) => `${(i * w / Math.max(1, p.points.length - 1)).toFixed(1)},${(h - 2 - v * (h - 8) / max).toFixed(1)}`;
  const last = p.points[p.points.length - 1] ?? 0;
  return (
    <figure class="chart">
      <figcaption><span>{p.label}</span><strong>{number(last)} <small>{p.unit}</small></strong></figcaption>
      {p.points.length > 1 ? (
        <svg viewBox={`0 0 ${w} ${h}`} preserveAspectRatio="none" role="img" aria-label={`${p.label}: ${number(last)} ${p.unit}`}>
          <polygon points={`0,${h} ${p.points.map(at).join(' ')} ${w},${h}`} />
          <polyline points={p.points.map(at).join(' ')} />
        </svg>
      ) : <p class="muted">{t('dash.collecting')}</p>}
    </figure>
  );
}

/** A file of the person as text. */
export function FileButton(p: { label: string; onText: (text: string, name: string) => void; accept?: string }) {
  const ref = useRef<HTMLInputElement>(null);
  return (
    <>
      <input ref={ref} type="file" class="hidden" accept={p.accept} tabIndex={-1} aria-hidden="true"
        onChange={async (e) => { const f = e.currentTarget.files?.[0]; if (f) p.onText(await f.text(), f.name); e.currentTarget.value = ''; }} />
      <Button onClick={() => ref.current?.click()}>{p.label}</Button>
    </>
  );
}
