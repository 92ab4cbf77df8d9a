// The candidate: how many changes wait, what they are, and how they come to run.
import { useEffect, useState } from 'preact/hooks';
import { change, get, type Answer } from './api';
import { useApp } from './app';
import { t } from './i18n';
import { Button, Dialog, Failure, Field, Loading, Notice, Table, useAction, useQuery } from './ui';

function Review(p: { onClose: () => void }) {
  const app = useApp();
  const [diff, setDiff] = useState<Answer | null>(null), [error, setError] = useState<unknown>(null);
  const [checked, setChecked] = useState<Answer | null>(null), [minutes, setMinutes] = useState('10'), [done, setDone] = useState('');
  const act = useAction();
  useEffect(() => { get('diff').then(setDiff, setError); }, []);
  const commit = (where: string, body?: unknown) => act.run(async () => {
    await change('POST', where, body);
    app.committed();
    setDone(t('commit.done'));
  });
  if (done) {
    return <Dialog title={t('commit.title')} onClose={p.onClose}><Notice kind="good">{done}</Notice>
      <div class="actions end"><Button kind="primary" onClick={p.onClose}>{t('app.close')}</Button></div></Dialog>;
  }
  return (
    <Dialog title={t('commit.title')} onClose={p.onClose} wide>
      {error ? <Failure error={error} /> : !diff ? <Loading /> : diff.records.length === 0 ? <p>{t('commit.empty')}</p> : (
        <Table rows={diff.records} columns={['setting', 'now', 'then']}
          labels={{ setting: t('commit.setting'), now: t('commit.before'), then: t('commit.after') }} />
      )}
      {checked && <div class="stack">{checked.records.map((r, i) => <Notice key={i} kind={r.severity === 'error' || r.level === 'error' ? 'bad' : 'warn'}>{Object.values(r).join(' · ')}</Notice>)}
        {checked.notes.map((n) => <Notice key={n} kind="warn">{n}</Notice>)}
        {!checked.records.length && !checked.notes.length && <Notice kind="good">{t('commit.checked')}</Notice>}</div>}
      {act.view}
      <div class="commit-bar">
        <Button kind="danger" class="push" busy={act.busy} onClick={() => act.run(async () => { await change('DELETE', 'candidate'); app.committed(); p.onClose(); })}>{t('commit.discard')}</Button>
        <Button busy={act.busy} onClick={() => act.run(async () => setChecked(await change('POST', 'check')))}>{t('commit.check')}</Button>
        <Button kind="primary" busy={act.busy} onClick={() => commit('commit')}>{t('commit.commit')}</Button>
      </div>
      <details>
        <summary>{t('commit.confirm')}</summary>
        <p class="help">{t('commit.confirm.help')}</p>
        <div class="inline">
          <Field label={t('commit.minutes')} id="minutes"><input id="minutes" type="number" min={1} max={1440} value={minutes} onInput={(e) => setMinutes(e.currentTarget.value)} /></Field>
          <Button busy={act.busy} onClick={() => commit('commit-confirm', { minutes: Number(minutes) })}>{t('commit.confirm')}</Button>
        </div>
      </details>
    </Dialog>
  );
}

/** Stands above every page while something waits. */
export function CandidateBar() {
  const app = useApp();
  const [isOpen, setOpen] = useState(false);
  const version = useQuery('show/version', 30000, [app.refresh]);
  const act = useAction();
  const isTrial = Number(version.data?.records[0]?.confirm_left_s ?? 0) > 0;
  return (
    <div aria-live="polite">
      {isTrial && <div class="bar warn"><span class="grow">{t('commit.trial')}</span>
        <Button onClick={() => act.run(async () => { await change('POST', 'revert'); app.committed(); })}>{t('commit.back')}</Button>
        <Button kind="primary" onClick={() => act.run(async () => { await change('POST', 'confirm'); app.committed(); })}>{t('commit.keep')}</Button></div>}
      {act.view}
      {app.changes > 0 && <div class="bar"><span class="grow">{app.changes === 1 ? t('commit.pending.one') : t('commit.pending', { n: app.changes })}</span>
        <Button kind="primary" onClick={() => setOpen(true)}>{t('commit.review')}</Button></div>}
      {isOpen && <Review onClose={() => setOpen(false)} />}
    </div>
  );
}
