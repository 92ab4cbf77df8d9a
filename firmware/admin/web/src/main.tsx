import { render } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { get, logOut, resume, watch, type Row, type Session } from './api';
import { AppContext, can, groups, inGroup, type App } from './app';
import { Certificates } from './certificates';
import { Choices, type Theme } from './choices';
import { AllCommands, GroupPage } from './commands';
import { CandidateBar } from './commit';
import { Configuration } from './config';
import { Dashboard } from './dashboard';
import { Federation } from './federation';
import { History } from './history';
import { firstLanguage, loadHelp, setLanguage, t, type Key, type Language } from './i18n';
import { Login } from './login';
import { Notice, Page, when } from './ui';
import { Users } from './users';
import './style.css';

type Group = (typeof groups)[number]['id'];
const pages: { id: string; section: Key; needs?: string; view: () => preact.JSX.Element }[] = [
  { id: 'dashboard', section: 'nav.watch', view: Dashboard },
  { id: 'alarms', section: 'nav.watch', view: () => <GroupPage id="alarms" /> },
  { id: 'logs', section: 'nav.watch', view: () => <GroupPage id="logs" /> },
  { id: 'capture', section: 'nav.watch', view: () => <GroupPage id="capture" /> },
  { id: 'configuration', section: 'nav.manage', view: Configuration },
  { id: 'federation', section: 'nav.manage', needs: 'show federation', view: Federation },
  { id: 'certificates', section: 'nav.manage', needs: 'certificate show', view: Certificates },
  { id: 'users', section: 'nav.manage', needs: 'show users', view: Users },
  { id: 'operators', section: 'nav.system', view: () => <GroupPage id="operators" /> },
  { id: 'network', section: 'nav.system', view: () => <GroupPage id="network" /> },
  { id: 'backup', section: 'nav.system', view: () => <GroupPage id="backup" /> },
  { id: 'upgrade', section: 'nav.system', view: () => <GroupPage id="upgrade" /> },
  { id: 'history', section: 'nav.system', needs: 'history', view: History },
  { id: 'commands', section: 'nav.system', view: AllCommands },
];
const isThere = (app: App, p: (typeof pages)[number]) =>
  groups.some((g) => g.id === p.id) ? inGroup(app, p.id as Group).length > 0 : !p.needs || can(app, p.needs);

function useTheme(): [Theme, (x: Theme) => void] {
  const [theme, setTheme] = useState<Theme>((localStorage.getItem('theme') as Theme) ?? 'auto');
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem('theme', theme);
  }, [theme]);
  return [theme, setTheme];
}

/** The path of the page; links of our own stay inside. */
function usePath(): [string[], (to: string) => void] {
  const read = () => location.pathname.split('/').filter(Boolean).map(decodeURIComponent);
  const [path, setPath] = useState(read);
  const go = useCallback((to: string) => {
    history.pushState(null, '', to);
    setPath(read());
    window.scrollTo(0, 0);
  }, []);
  useEffect(() => {
    const back = () => setPath(read());
    const click = (e: MouseEvent) => {
      const a = (e.target as Element).closest('a');
      if (!a || a.target || e.metaKey || e.ctrlKey || e.shiftKey || a.origin !== location.origin || a.getAttribute('href')?.startsWith('#') || a.pathname.startsWith('/api/')) return;
      e.preventDefault();
      go(a.pathname);
    };
    addEventListener('popstate', back);
    document.addEventListener('click', click);
    return () => { removeEventListener('popstate', back); document.removeEventListener('click', click); };
  }, []);
  return [path, go];
}

function Shell(p: { session: Session; isFresh: boolean; onOut: (isLost?: boolean) => void; choices: Parameters<typeof Choices>[0] }) {
  const [commands, setCommands] = useState<Row[] | null>(null), [changes, setChanges] = useState(0), [refresh, setRefresh] = useState(0);
  const [path, go] = usePath(), [isMenu, setMenu] = useState(false), [isRead, setRead] = useState(false), [hello, setHello] = useState(p.isFresh ? p.session.login?.last_login ?? '' : '');
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    watch(() => p.onOut(true), setChanges);
    get('commands').then((a) => setCommands(a.records.filter((c) => !c.classic)), () => setCommands([]));
  }, []);
  const here = path[0] ?? 'dashboard';
  useEffect(() => { setMenu(false); main.current?.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true }); }, [here]);
  const app = useMemo<App>(() => ({ session: p.session, commands: commands ?? [], changes, path, refresh, go, committed: () => { setRefresh((n) => n + 1); setChanges(0); } }), [commands, changes, path, refresh, p.choices.language]);
  if (!commands) return null;
  const page = pages.find((x) => x.id === here && isThere(app, x));
  const sections = [...new Set(pages.map((x) => x.section))];
  const View = page?.view;
  return (
    <AppContext.Provider value={app}>
      <a class="skip" href="#content" onClick={(e) => { e.preventDefault(); main.current?.focus(); }}>{t('app.skip')}</a>
      <div class="shell">
        <header class="top"><button type="button" class="icon menu" aria-expanded={isMenu} aria-controls="nav" aria-label={t('app.menu')} onClick={() => setMenu(!isMenu)}>☰</button>
          <a class="brand" href="/"><img src="/icon.svg" alt="" width="26" height="26" /><strong>{t('app.name')}</strong></a></header>
        <div id="nav" class={'side ' + (isMenu ? 'open' : '')}>
          <a class="brand" href="/"><img src="/icon.svg" alt="" width="30" height="30" /><div><strong>{t('app.name')}</strong><span class="muted">{t('app.admin')}</span></div></a>
          <nav aria-label={t('app.menu')}>
            {sections.map((s) => <div key={s}><h2>{t(s)}</h2><ul>{pages.filter((x) => x.section === s && isThere(app, x)).map((x) => (
              <li key={x.id}><a href={x.id === 'dashboard' ? '/' : '/' + x.id} aria-current={x.id === here ? 'page' : undefined}>{t(('nav.' + x.id) as Key)}</a></li>))}</ul></div>)}
          </nav>
          <div class="side-foot">
            <p><span class="muted">{t('app.signedin')}</span><br /><strong>{p.session.user}</strong> <span class="muted">{p.session.role}</span></p>
            <Choices {...p.choices} />
            <button type="button" class="button" onClick={async () => { await logOut(); p.onOut(false); }}>{t('app.logout')}</button>
          </div>
        </div>
        <main id="content" tabIndex={-1} ref={main}>
          <CandidateBar />
          {hello && <Notice kind="info" onClose={() => setHello('')}>{t('login.last', { when: when(hello), where: p.session.login?.last_from ?? '' })}{Number(p.session.login?.failures) > 0 && ' ' + t('login.failures', { n: p.session.login!.failures })}</Notice>}
          {p.isFresh && p.session.message && !isRead && <Notice kind="info" onClose={() => setRead(true)}><span class="lines">{p.session.message}</span></Notice>}
          {View ? <View key={here} /> : <Page title={t('app.notfound')}>{null}</Page>}
        </main>
      </div>
    </AppContext.Provider>
  );
}

function Root() {
  const [session, setSession] = useState<Session | null | undefined>(undefined), [said, setSaid] = useState(''), [isFresh, setFresh] = useState(false);
  const [language, setLang] = useState<Language>(firstLanguage), [theme, onTheme] = useTheme();
  setLanguage(language);
  const [, setHelp] = useState(0);
  useEffect(() => { loadHelp(language).then(() => setHelp((n) => n + 1), () => {}); }, [language]);
  useEffect(() => { resume().then(setSession); }, []);
  const choices = { language, theme, onTheme, onLanguage: (l: Language) => { localStorage.setItem('language', l); setLang(l); } };
  if (session === undefined) return null;
  if (!session) return <Login said={said} choices={choices} onSession={(s) => { setSaid(''); setFresh(true); setSession(s); }} />;
  return <Shell session={session} isFresh={isFresh} choices={choices} onOut={(isLost) => { setSaid(isLost ? t('app.lost') : ''); setSession(null); }} />;
}

render(<Root />, document.getElementById('app')!);
