import type { en } from './en';

export const ja: Record<keyof typeof en, string> = {
  'app.name': 'Gatehouse', 'app.admin': '管理', 'app.skip': '本文へ移動', 'app.menu': 'メニュー',
  'app.language': '言語', 'app.theme': '外観', 'app.theme.auto': 'システムに合わせる', 'app.theme.light': 'ライト',
  'app.theme.dark': 'ダーク', 'app.logout': 'ログアウト', 'app.loading': '読み込み中', 'app.retry': '再試行', 'app.close': '閉じる',
  'app.cancel': 'キャンセル', 'app.none': 'まだ何もありません。', 'app.search': '検索', 'app.reload': '再読み込み', 'app.more': 'さらに表示',
  'app.unreachable': '装置に接続できません。ネットワークを確認してください。自動的に再試行します。', 'app.lost': 'セッションが終了しました。もう一度ログインしてください。',
  'app.notfound': 'このページはありません。', 'app.signedin': 'ログイン中', 'app.rows': '{n} 行', 'app.copy': 'コピー', 'app.copied': 'コピーしました',

  'nav.dashboard': '概要', 'nav.configuration': '設定', 'nav.federation': 'フェデレーション', 'nav.certificates': '証明書',
  'nav.users': 'ユーザー', 'nav.operators': 'オペレーター', 'nav.logs': 'ログ', 'nav.alarms': 'アラーム', 'nav.capture': 'キャプチャ',
  'nav.network': 'ネットワーク', 'nav.backup': 'バックアップ', 'nav.upgrade': 'アップグレード', 'nav.history': '履歴', 'nav.commands': 'すべてのコマンド',
  'nav.watch': '監視', 'nav.manage': '管理', 'nav.system': 'システム',

  'login.title': 'ログイン', 'login.user': '名前', 'login.password': 'パスワード', 'login.show': 'パスワードを表示', 'login.button': 'ログイン', 'login.busy': '確認中',
  'login.code': 'ワンタイムコード', 'login.code.help': '認証アプリに表示される 6 桁の数字です。', 'login.new': '新しいパスワード', 'login.again': '新しいパスワード（確認）',
  'login.new.help': 'パスワードの期限が切れたか、仮のパスワードです。新しいパスワードを決めてください。', 'login.differ': '2 つの新しいパスワードが一致しません。',
  'login.last': '前回のログイン：{when}（{where}）', 'login.failures': 'その後の失敗回数：{n}',

  'dash.title': '概要', 'dash.services': 'サービス', 'dash.partners': '接続先', 'dash.sessions': 'ログイン中のクライアント', 'dash.certificates': '証明書',
  'dash.alarms': 'アラーム', 'dash.traffic': 'トラフィック', 'dash.running': '{m} 中 {n} 稼働', 'dash.version': 'バージョン', 'dash.uptime': '稼働時間', 'dash.generation': '世代',
  'dash.connected': '{n} 件接続中', 'dash.days': '残り {n} 日', 'dash.expired': '期限切れ', 'dash.noalarms': 'アラームはありません。', 'dash.persecond': '毎秒',
  'dash.allwell': 'すべて稼働しています。', 'dash.trouble': '{n} 個のサービスが停止しています。', 'dash.nopartners': 'まだ接続先がありません。',
  'dash.nocertificates': 'まだ証明書がありません。証明書のページで作成または取り込みができます。', 'dash.counters': 'カウンター', 'dash.restarts': '再起動回数', 'dash.collecting': '値を収集中',

  'conf.title': '設定', 'conf.lead': '変更は候補に入ります。コミットするまで適用されません。', 'conf.filter': '設定を検索', 'conf.add': '追加', 'conf.add.key': '名前またはドメイン',
  'conf.set': '設定する', 'conf.default': '既定値', 'conf.unset': '未設定', 'conf.reset': '既定値に戻す', 'conf.remove': '削除', 'conf.save': '候補に保存', 'conf.edit': '編集',
  'conf.live': '稼働中に適用', 'conf.restart': '関連プログラムを再起動', 'conf.changed': '変更あり', 'conf.range': '範囲', 'conf.upload': 'ファイルから読み込む', 'conf.saved': '候補に入れました。', 'conf.customised': '{n} 件設定済み',
  'conf.on': 'オン', 'conf.off': 'オフ', 'conf.nomatch': '該当する設定がありません。', 'conf.sections': 'セクション', 'conf.secret': '設定済み（表示しません）', 'conf.removekey': '{key} とその設定をすべて削除',

  'commit.pending.one': '候補に 1 件の変更があります', 'commit.pending': '候補に {n} 件の変更があります', 'commit.review': '確認してコミット', 'commit.title': '変更の確認', 'commit.before': '変更前', 'commit.after': '変更後',
  'commit.setting': '設定', 'commit.check': '検査', 'commit.checked': '問題は見つかりませんでした。', 'commit.commit': 'コミット', 'commit.confirm': '試験的にコミット', 'commit.confirm.help': '時間内に確定しなければ自動的に元に戻ります。接続が切れるおそれのある変更でも安全です。',
  'commit.minutes': '確定までの分数', 'commit.discard': 'すべて破棄', 'commit.done': 'コミットしました。適用されています。', 'commit.trial': '直前のコミットは試験中です。確定しなければ自動的に元に戻ります。', 'commit.keep': '確定する', 'commit.back': '今すぐ元に戻す', 'commit.empty': '候補は稼働中の設定と同じです。',

  'fed.title': 'フェデレーション', 'fed.lead': 'この装置の接続先と、応答しない場合の理由です。', 'fed.check': '接続先を検査', 'fed.domain': 'ドメイン', 'fed.run': '検査', 'fed.running': '順に検査しています', 'fed.allow': '接続先を許可', 'fed.allow.button': '許可', 'fed.allowed': '候補に入れました。確認してコミットしてください。',
  'fed.partners': '現在の接続先', 'fed.sip': 'SIP の接続先', 'fed.stop': '中止',

  'cert.title': '証明書', 'cert.lead': '秘密鍵が装置の外に出ることはありません。鍵を作り、認証局に要求への署名を依頼し、証明書を取り込みます。', 'cert.list': '証明書', 'cert.keys': '鍵', 'cert.wizard': '新しい証明書', 'cert.step': '手順 {n} / 3', 'cert.step1': '鍵', 'cert.step2': '要求', 'cert.step3': '証明書', 'cert.name': '証明書の名前',
  'cert.type': '鍵の種類', 'cert.make': '鍵を作る', 'cert.havekey': '鍵はすでにある', 'cert.domains': 'ドメイン（空白区切り）', 'cert.csr': '要求を作る', 'cert.selfsigned': '自己署名にする', 'cert.csr.help': 'この要求を認証局に送ってください。証明書が届いたら次へ進みます。', 'cert.next': '次へ', 'cert.pem': '証明書とチェーン (PEM)', 'cert.import': '取り込む', 'cert.imported': '証明書を候補に入れました。確認してコミットしてください。', 'cert.download': 'ダウンロード',

  'users.title': 'ユーザー', 'users.lead': 'この装置のチャットクライアント用アカウントです。オペレーターのアカウントとは別です。', 'users.add': 'ユーザーを追加', 'users.jid': 'アドレス', 'users.password': 'パスワード', 'users.passwd': 'パスワードを設定', 'users.delete': '削除', 'users.delete.sure': '{jid} とそのデータをすべて削除しますか？ 元に戻せません。', 'users.added': 'アカウントを作成しました。', 'users.changed': 'パスワードを設定しました。', 'users.deleted': 'アカウントを削除しました。',

  'hist.title': '履歴', 'hist.lead': 'コミットごとに世代が残ります。以前の世代を候補に入れることができます。', 'hist.rollback': '候補に入れる', 'hist.rolled': '候補に入れました。確認してコミットしてください。', 'hist.save': '設定をダウンロード', 'hist.load': 'ファイルから設定を読み込む', 'hist.loaded': '候補に入れました。確認してコミットしてください。',

  'cmd.title': 'すべてのコマンド', 'cmd.lead': 'ghsh でできることのうち、あなたの役割に許されたすべてです。', 'cmd.run': '実行', 'cmd.filter': 'コマンドを検索', 'cmd.result': '結果', 'cmd.ok': '完了しました。', 'cmd.optional': '省略可', 'cmd.file': 'ファイル', 'cmd.stop': '中止', 'cmd.several': '複数可（空白区切り）', 'cmd.nomatch': '該当するコマンドがありません。', 'cmd.live': 'ライブ表示', 'cmd.sure': 'このコマンドを実行しますか？', 'cmd.danger': 'すぐに変更または終了が行われます。', 'cmd.download': 'ファイルに保存',

  'log.filter': '次を含む行のみ', 'log.pause': '一時停止', 'log.go': '再開', 'log.live': 'ライブ',
};
