// Partners: who is connected, why one is not, and letting a new one in.
import { useState } from 'preact/hooks';
import { change, path } from './api';
import { can, useApp } from './app';
import { Outcome, Shown, useRun } from './commands';
import { t } from './i18n';
import { Button, Card, Page, TextField, useAction } from './ui';

function Checker(p: { words: string }) {
  const [domain, setDomain] = useState('');
  const { run, start, stop } = useRun();
  return (
    <Card title={t('fed.check') + (p.words.startsWith('sip') ? ' (SIP)' : '')}>
      <form class="inline" onSubmit={(e) => { e.preventDefault(); start([...p.words.split(' '), domain.trim()]); }}>
        <TextField label={t('fed.domain')} value={domain} onValue={setDomain} placeholder="partner.example" spellcheck={false} />
        <Button kind="primary" type="submit" busy={run.isBusy} disabled={!domain.trim()}>{run.isBusy ? t('fed.running') : t('fed.run')}</Button>
        {run.isBusy && <Button onClick={stop}>{t('fed.stop')}</Button>}
      </form>
      <Outcome run={run} name={'check-' + domain} />
    </Card>
  );
}

function Allow() {
  const [domain, setDomain] = useState('');
  const act = useAction();
  return (
    <Card title={t('fed.allow')}>
      <form class="inline" onSubmit={(e) => { e.preventDefault(); act.run(() => change('PUT', `settings/${path('federation', 'peer', domain.trim(), 'action')}`, { value: 'allow' }), 'fed.allowed'); }}>
        <TextField label={t('fed.domain')} value={domain} onValue={setDomain} placeholder="partner.example" spellcheck={false} />
        <Button kind="primary" type="submit" busy={act.busy} disabled={!domain.trim()}>{t('fed.allow.button')}</Button>
      </form>
      {act.view}
    </Card>
  );
}

export function Federation() {
  const app = useApp();
  return (
    <Page title={t('fed.title')} lead={t('fed.lead')}>
      <div class="stack">
        {can(app, 'show federation') && <Shown words="show federation" title={t('fed.partners')} every_ms={5000} />}
        <div class="columns">
          {can(app, 'federation check') && <Checker words="federation check" />}
          {can(app, 'set') && <Allow />}
          {can(app, 'sip check') && <Checker words="sip check" />}
        </div>
        {can(app, 'show sip') && <Shown words="show sip" title={t('fed.sip')} />}
      </div>
    </Page>
  );
}
