// Keys and certificates, and the three steps to a new one.
import { useState } from 'preact/hooks';
import { command, download } from './api';
import { can, useApp } from './app';
import { Shown } from './commands';
import { useCertificates } from './dashboard';
import { t, type Key } from './i18n';
import { Button, Card, Field, FileButton, Page, Table, Tag, TextField, useAction } from './ui';

const types = ['ecdsa-p256', 'ecdsa-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096', 'ed25519'];

function Wizard(p: { onDone: () => void }) {
  const [step, setStep] = useState(1), [name, setName] = useState(''), [type, setType] = useState(types[0]);
  const [domains, setDomains] = useState(''), [csr, setCsr] = useState(''), [pem, setPem] = useState('');
  const act = useAction();
  const list = domains.trim().split(/\s+/).filter(Boolean);
  const steps: Key[] = ['cert.step1', 'cert.step2', 'cert.step3'];
  return (
    <Card title={t('cert.wizard')}>
      <ol class="steps" aria-label={t('cert.step', { n: step })}>{steps.map((s, i) => <li key={s} aria-current={step === i + 1 ? 'step' : undefined} class={step > i + 1 ? 'done' : ''}>{t(s)}</li>)}</ol>
      {step === 1 && <form class="stack" onSubmit={(e) => { e.preventDefault(); act.run(async () => { await command(['certificate', 'generate', name.trim(), type]); setStep(2); p.onDone(); }); }}>
        <div class="fields">
          <TextField label={t('cert.name')} value={name} onValue={setName} placeholder="main" spellcheck={false} />
          <Field label={t('cert.type')} id="key-type"><select id="key-type" value={type} onChange={(e) => setType(e.currentTarget.value)}>{types.map((x) => <option key={x}>{x}</option>)}</select></Field>
        </div>
        <div class="actions"><Button kind="primary" type="submit" busy={act.busy} disabled={!name.trim()}>{t('cert.make')}</Button>
          <Button disabled={!name.trim()} onClick={() => setStep(2)}>{t('cert.havekey')}</Button></div>
      </form>}
      {step === 2 && <form class="stack" onSubmit={(e) => { e.preventDefault(); act.run(async () => setCsr((await command(['certificate', 'csr', name.trim(), ...list])).text ?? '')); }}>
        <TextField label={t('cert.domains')} value={domains} onValue={setDomains} placeholder="example.com chat.example.com" spellcheck={false} />
        <div class="actions"><Button kind="primary" type="submit" busy={act.busy} disabled={!list.length}>{t('cert.csr')}</Button>
          <Button busy={act.busy} disabled={!list.length} onClick={() => act.run(async () => { await command(['certificate', 'self-signed', name.trim(), ...list]); p.onDone(); setStep(1); setName(''); }, 'cert.imported')}>{t('cert.selfsigned')}</Button></div>
        {csr && <><p class="help">{t('cert.csr.help')}</p><pre class="text" tabIndex={0}>{csr}</pre>
          <div class="actions"><Button onClick={() => download(name + '.csr', csr)}>{t('cert.download')}</Button><Button kind="primary" onClick={() => setStep(3)}>{t('cert.next')}</Button></div></>}
      </form>}
      {step === 3 && <form class="stack" onSubmit={(e) => { e.preventDefault(); act.run(async () => { await command(['certificate', 'import', name.trim(), { content: pem }]); p.onDone(); setStep(1); setPem(''); setCsr(''); setName(''); }, 'cert.imported'); }}>
        <Field label={t('cert.pem')} id="cert-pem"><textarea id="cert-pem" rows={8} spellcheck={false} value={pem} placeholder="-----BEGIN CERTIFICATE-----" onInput={(e) => setPem(e.currentTarget.value)} />
          <FileButton label={t('conf.upload')} accept=".pem,.crt,.cer" onText={setPem} /></Field>
        <div class="actions"><Button kind="primary" type="submit" busy={act.busy} disabled={!pem.trim()}>{t('cert.import')}</Button></div>
      </form>}
      {act.view}
    </Card>
  );
}

export function Certificates() {
  const app = useApp();
  const [n, setN] = useState(0);
  const list = useCertificates(n);
  return (
    <Page title={t('cert.title')} lead={t('cert.lead')}>
      <div class="stack">
        <Card title={t('cert.list')}><Table rows={list.map((c) => ({ ...c, names: c.names.replace(/\bdns:/g, ''), issuer: c.issuer.replace(/^\/CN=/, '') }))} columns={['name', 'names', 'issuer', 'until']} caption={t('cert.list')}
          actions={(r) => <Tag kind={Number(r.days) <= 14 ? 'bad' : Number(r.days) <= 30 ? 'warn' : 'good'}>{Number(r.days) < 0 ? t('dash.expired') : t('dash.days', { n: r.days })}</Tag>} /></Card>
        {can(app, 'certificate generate') && <Wizard onDone={() => setN(n + 1)} />}
        {can(app, 'show keys') && <Shown words="show keys" title={t('cert.keys')} refresh={n} />}
      </div>
    </Page>
  );
}
