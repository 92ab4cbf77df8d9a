// How the box is, at a glance.
import { useEffect, useRef, useState } from 'preact/hooks';
import { command, type Row } from './api';
import { can, useApp } from './app';
import { t } from './i18n';
import { Card, Chart, duration, Failure, Loading, number, Page, Table, Tag, useQuery } from './ui';

const EVERY_MS = 5000, POINTS = 60;

/** Rates out of counters: for each name, figures per second, the newest last. */
function useRates(): Record<string, number[]> {
  const q = useQuery('show/counters', EVERY_MS);
  const before = useRef<{ at: number; sums: Record<string, number> } | null>(null);
  const [rates, setRates] = useState<Record<string, number[]>>({});
  useEffect(() => {
    if (!q.data) return;
    const sums: Record<string, number> = {};
    for (const r of q.data.records) sums[r.counter] = (sums[r.counter] ?? 0) + Number(r.value);
    const old = before.current;
    if (old && q.at > old.at) {
      const s = (q.at - old.at) / 1000;
      setRates((have) => Object.fromEntries(Object.entries(sums).map(([name, v]) =>
        [name, [...(have[name] ?? []), Math.max(0, (v - (old.sums[name] ?? v)) / s)].slice(-POINTS)])));
    }
    before.current = { at: q.at, sums };
  }, [q.at]);
  return rates;
}

function Tile(p: { label: string; value: string; note?: string; kind?: 'good' | 'warn' | 'bad'; href: string }) {
  return (
    <a class={`tile ${p.kind ?? ''}`} href={p.href}>
      <span class="tile-label">{p.label}</span><strong>{p.value}</strong>{p.note && <span class="tile-note">{p.note}</span>}
    </a>
  );
}

const traffic: [string, RegExp][] = [
  ['XMPP', /^(s2s|c2s)\.stanzas\.(in|out)$/], ['SIP', /^sip\.(messages|requests|responses)\.(in|out)$/],
  ['TURN', /^turn\.(bytes|packets|datagrams)/], ['HTTPS', /^web\.requests$/],
];

function Graphs() {
  const rates = useRates();
  const names = Object.keys(rates);
  const charts = traffic.map(([label, fits]) => {
    const mine = names.filter((n) => fits.test(n));
    const length = Math.max(0, ...mine.map((n) => rates[n].length));
    return { label, points: Array.from({ length }, (_, i) => mine.reduce((sum, n) => sum + (rates[n][rates[n].length - length + i] ?? 0), 0)), any: mine.length };
  }).filter((c) => c.any || !names.length);
  return <div class="charts">{charts.map((c) => <Chart key={c.label} label={c.label} points={c.points} unit={t('dash.persecond')} />)}</div>;
}

const daysKind = (days: number) => days < 0 ? 'bad' : days <= 14 ? 'bad' : days <= 30 ? 'warn' : 'good';

export function Dashboard() {
  const app = useApp();
  const version = useQuery('show/version', 15000, [app.refresh]), processes = useQuery('show/processes', EVERY_MS);
  const peers = useQuery(can(app, 'show federation') ? 'show/federation' : null, EVERY_MS), sessions = useQuery(can(app, 'show sessions') ? 'show/sessions' : null, EVERY_MS);
  const alarms = useQuery(can(app, 'show alarms') ? 'show/alarms' : null, EVERY_MS);
  const list = useCertificates();
  if (processes.error) return <Page title={t('dash.title')}><Failure error={processes.error} retry={processes.reload} /></Page>;
  if (!processes.data) return <Page title={t('dash.title')}><Loading /></Page>;
  const all = processes.data.records, running = all.filter((r) => r.state === 'running').length;
  const v: Row = version.data?.records[0] ?? {};
  const soonest = list.length ? Math.min(...list.map((c) => Number(c.days))) : null;
  const raised = alarms.data?.records.filter((r) => !/clear/i.test(r.state ?? '')) ?? [];
  const up = peers.data?.records.filter((r) => /ready|up|open|connected/i.test(Object.values(r).join(' '))).length ?? 0;
  return (
    <Page title={v.name || t('dash.title')} lead={`${t('dash.version')} ${v.version ?? ''} · ${t('dash.generation')} ${v.generation ?? ''} · ${t('dash.uptime')} ${duration(Number(v.uptime_s ?? 0))}`}>
      <div class="tiles">
        <Tile label={t('dash.services')} value={t('dash.running', { n: running, m: all.length })} kind={running === all.length ? 'good' : 'bad'} note={running === all.length ? t('dash.allwell') : t('dash.trouble', { n: all.length - running })} href="#services" />
        {peers.data && <Tile label={t('dash.partners')} value={number(peers.data.records.length)} note={t('dash.connected', { n: up })} href="/federation" />}
        {sessions.data && <Tile label={t('dash.sessions')} value={number(sessions.data.records.length)} href="/users" />}
        <Tile label={t('dash.certificates')} value={soonest === null ? '–' : soonest < 0 ? t('dash.expired') : t('dash.days', { n: soonest })} kind={soonest === null ? undefined : daysKind(soonest)} note={list.find((c) => Number(c.days) === soonest)?.name} href="/certificates" />
        {alarms.data && <Tile label={t('dash.alarms')} value={number(raised.length)} kind={raised.length ? 'bad' : 'good'} note={raised.length ? undefined : t('dash.noalarms')} href="/alarms" />}
      </div>
      <Card title={t('dash.traffic')}><Graphs /></Card>
      <div class="columns">
        <Card title={t('dash.certificates')}>
          {list.length ? <Table rows={list.map((c) => ({ name: c.name, names: c.names.replace(/\bdns:/g, ''), days: c.days }))} actions={(r) => <Tag kind={daysKind(Number(r.days))}>{Number(r.days) < 0 ? t('dash.expired') : t('dash.days', { n: r.days })}</Tag>} columns={['name', 'names']} /> : <p class="muted">{t('dash.nocertificates')}</p>}
        </Card>
        <Card title={t('dash.partners')}>
          {peers.data?.records.length ? <Table rows={peers.data.records} columns={['domain', 'direction', 'state', 'proof'].filter((c) => c in peers.data!.records[0])} /> : <p class="muted">{t('dash.nopartners')}</p>}
        </Card>
      </div>
      <Card title={t('dash.services')} class="anchor"><div id="services" /><Table rows={all} columns={['program', 'instance', 'state', 'pid', 'restarts']} /></Card>
    </Page>
  );
}

/** certificate show is no show command: it is asked for as one. */
export function useCertificates(refresh = 0): Row[] {
  const app = useApp();
  const [rows, setRows] = useState<Row[]>([]);
  useEffect(() => {
    if (!can(app, 'certificate show')) return;
    command(['certificate', 'show']).then((a) => setRows(a.records), () => {});
  }, [app.refresh, app.changes, refresh]);
  return rows;
}
