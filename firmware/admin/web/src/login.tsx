// Who is there? Name and password; a new password or a one-time code when gh-conf asks for one.
import { useEffect, useState } from 'preact/hooks';
import { banner, logIn, Problem, type Session } from './api';
import { t } from './i18n';
import { Button, Failure, Notice, TextField } from './ui';
import { Choices } from './choices';

export function Login(p: { onSession: (s: Session) => void; said: string; choices: Parameters<typeof Choices>[0] }) {
  const [user, setUser] = useState(''), [password, setPassword] = useState(''), [code, setCode] = useState('');
  const [fresh, setFresh] = useState(''), [again, setAgain] = useState('');
  const [needs, setNeeds] = useState<Set<string>>(new Set());
  const [error, setError] = useState<unknown>(null), [busy, setBusy] = useState(false);
  const [before, setBefore] = useState('');
  useEffect(() => { banner().then(setBefore, () => {}); }, []);
  const go = async (e: Event) => {
    e.preventDefault();
    if (needs.has('password') && fresh !== again) {
      setError(t('login.differ'));
      return;
    }
    setBusy(true);
    setError(null);
    try {
      p.onSession(await logIn({ user, password, ...(code ? { code } : {}), ...(needs.has('password') ? { new_password: fresh } : {}) }));
    } catch (x) {
      const need = x instanceof Problem && /^need-(code|password)$/.exec(x.code)?.[1];
      if (need && !needs.has(need)) setNeeds(new Set([...needs, need]));
      else setError(x);
    }
    setBusy(false);
  };
  return (
    <div class="login">
      <main class="login-box" id="content">
        <div class="brand"><img src="/icon.svg" alt="" width="40" height="40" /><div><strong>{t('app.name')}</strong><span class="muted">{t('app.admin')}</span></div></div>
        <h1>{t('login.title')}</h1>
        {before && <pre class="banner">{before}</pre>}
        {p.said && <Notice kind="info">{p.said}</Notice>}
        <form class="stack" onSubmit={go}>
          <TextField label={t('login.user')} name="username" value={user} onValue={setUser} autocomplete="username" autofocus required spellcheck={false} autocapitalize="none" />
          <TextField label={t('login.password')} name="password" type="password" value={password} onValue={setPassword} autocomplete="current-password" required />
          {needs.has('password') && <>
            <TextField label={t('login.new')} help={t('login.new.help')} type="password" value={fresh} onValue={setFresh} autocomplete="new-password" required />
            <TextField label={t('login.again')} type="password" value={again} onValue={setAgain} autocomplete="new-password" required /></>}
          {needs.has('code') && <TextField label={t('login.code')} help={t('login.code.help')} value={code} onValue={setCode} inputMode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" required />}
          {error !== null && <Failure error={error} />}
          <Button kind="primary" type="submit" busy={busy}>{busy ? t('login.busy') : t('login.button')}</Button>
        </form>
        <Choices {...p.choices} />
      </main>
    </div>
  );
}
