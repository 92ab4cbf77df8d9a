// Generations of settings: going back, taking away, bringing in.
import { change, download, get } from './api';
import { can, useApp } from './app';
import { t } from './i18n';
import { Button, Card, Failure, FileButton, Loading, Page, Table, useAction, useQuery } from './ui';

export function History() {
  const app = useApp();
  const q = useQuery('history', 0, [app.refresh]);
  const act = useAction();
  return (
    <Page title={t('hist.title')} lead={t('hist.lead')} actions={<>
      {can(app, 'save') && <Button onClick={() => act.run(async () => download('gatehouse-settings.conf', (await get('save')).text ?? ''))}>{t('hist.save')}</Button>}
      {can(app, 'load') && <FileButton label={t('hist.load')} onText={(text) => act.run(() => change('POST', 'load', { text }), 'hist.loaded')} />}</>}>
      {act.view}
      <Card>{q.error ? <Failure error={q.error} retry={q.reload} /> : !q.data ? <Loading /> : <Table rows={q.data.records} actions={can(app, 'rollback') ? (r) =>
        <Button busy={act.busy} onClick={() => act.run(() => change('POST', 'rollback', { generation: Number(r.generation) }), 'hist.rolled')}>{t('hist.rollback')}</Button> : undefined} />}</Card>
    </Page>
  );
}
