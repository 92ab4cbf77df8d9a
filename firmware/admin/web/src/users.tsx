// Accounts of chat clients.
import { useState } from 'preact/hooks';
import { command } from './api';
import { can, useApp } from './app';
import { Shown } from './commands';
import { t } from './i18n';
import { Button, Card, Dialog, Page, Sure, TextField, useAction } from './ui';

export function Users() {
  const app = useApp();
  const [jid, setJid] = useState(''), [password, setPassword] = useState(''), [n, setN] = useState(0);
  const [gone, setGone] = useState(''), [forJid, setForJid] = useState(''), [fresh, setFresh] = useState('');
  const act = useAction(), set = useAction();
  return (
    <Page title={t('users.title')} lead={t('users.lead')}>
      <div class="stack">
        {can(app, 'user add') && <Card title={t('users.add')}>
          <form class="inline" onSubmit={(e) => { e.preventDefault(); act.run(async () => { await command(['user', 'add', jid.trim(), { content: password }]); setJid(''); setPassword(''); setN(n + 1); }, 'users.added'); }}>
            <TextField label={t('users.jid')} value={jid} onValue={setJid} placeholder="name@example.com" autocomplete="off" spellcheck={false} />
            <TextField label={t('users.password')} type="password" value={password} onValue={setPassword} autocomplete="new-password" />
            <Button kind="primary" type="submit" busy={act.busy} disabled={!jid.trim() || !password}>{t('conf.add')}</Button>
          </form>
        </Card>}
        {act.view}
        <Shown words="show users" title={t('users.title')} refresh={n} actions={can(app, 'user delete') ? (r) => {
          const who = r.user ?? r.jid ?? Object.values(r)[0];
          return <><Button kind="quiet" onClick={() => setForJid(who)} aria-label={`${t('users.passwd')}: ${who}`}>{t('users.passwd')}</Button><Button kind="quiet" class="danger-text" onClick={() => setGone(who)} aria-label={`${t('users.delete')}: ${who}`}>{t('users.delete')}</Button></>;
        } : undefined} />
        <Shown words="show sessions" title={t('dash.sessions')} />
      </div>
      {gone && <Sure text={t('users.delete.sure', { jid: gone })} action={t('users.delete')} onNo={() => setGone('')} onYes={() => { const who = gone; setGone(''); act.run(async () => { await command(['user', 'delete', who]); setN(n + 1); }, 'users.deleted'); }} />}
      {forJid && <Dialog title={`${t('users.passwd')}: ${forJid}`} onClose={() => setForJid('')}>
        <form class="stack" onSubmit={(e) => { e.preventDefault(); set.run(async () => { await command(['user', 'passwd', forJid, { content: fresh }]); setFresh(''); setForJid(''); act.run(async () => {}, 'users.changed'); }); }}>
          <TextField label={t('users.password')} type="password" value={fresh} onValue={setFresh} autocomplete="new-password" />
          {set.view}
          <div class="actions end"><Button kind="primary" type="submit" busy={set.busy} disabled={!fresh}>{t('users.passwd')}</Button></div>
        </form>
      </Dialog>}
    </Page>
  );
}
