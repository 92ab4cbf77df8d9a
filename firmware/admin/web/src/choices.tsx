// Language and appearance.
import type { Language } from './i18n';
import { t } from './i18n';

export type Theme = 'auto' | 'light' | 'dark';
export function Choices(p: { language: Language; onLanguage: (l: Language) => void; theme: Theme; onTheme: (x: Theme) => void }) {
  return (
    <div class="choices">
      <label><span>{t('app.language')}</span><select value={p.language} onChange={(e) => p.onLanguage(e.currentTarget.value as Language)}>
        <option value="en" lang="en">English</option><option value="ja" lang="ja">日本語</option></select></label>
      <label><span>{t('app.theme')}</span><select value={p.theme} onChange={(e) => p.onTheme(e.currentTarget.value as Theme)}>
        <option value="auto">{t('app.theme.auto')}</option><option value="light">{t('app.theme.light')}</option><option value="dark">{t('app.theme.dark')}</option></select></label>
    </div>
  );
}
