// Every text of the pages. ja.ts has the same keys: the compiler and a test see to it.
export const en = {
  'app.name': 'Gatehouse', 'app.admin': 'Administration', 'app.skip': 'Skip to the content', 'app.menu': 'Menu',
  'app.language': 'Language', 'app.theme': 'Appearance', 'app.theme.auto': 'As the system', 'app.theme.light': 'Light',
  'app.theme.dark': 'Dark', 'app.logout': 'Log out', 'app.loading': 'Loading', 'app.retry': 'Try again', 'app.close': 'Close',
  'app.cancel': 'Cancel', 'app.none': 'Nothing here yet.', 'app.search': 'Search', 'app.reload': 'Reload', 'app.more': 'More',
  'app.unreachable': 'The box cannot be reached. Check the network; this page tries again.', 'app.lost': 'Your session has ended. Please log in again.',
  'app.notfound': 'There is no such page.', 'app.signedin': 'Logged in as', 'app.rows': '{n} rows', 'app.copy': 'Copy', 'app.copied': 'Copied',

  'nav.dashboard': 'Overview', 'nav.configuration': 'Configuration', 'nav.federation': 'Federation', 'nav.certificates': 'Certificates',
  'nav.users': 'Users', 'nav.operators': 'Operators', 'nav.logs': 'Logs', 'nav.alarms': 'Alarms', 'nav.capture': 'Capture',
  'nav.network': 'Network', 'nav.backup': 'Backup', 'nav.upgrade': 'Upgrade', 'nav.history': 'History', 'nav.commands': 'All commands',
  'nav.watch': 'Observe', 'nav.manage': 'Manage', 'nav.system': 'System',

  'login.title': 'Log in', 'login.user': 'Name', 'login.password': 'Password', 'login.show': 'Show password', 'login.button': 'Log in', 'login.busy': 'Checking',
  'login.code': 'One-time code', 'login.code.help': 'Six digits from your authenticator.', 'login.new': 'New password', 'login.again': 'New password, again',
  'login.new.help': 'Your password is over, or was given to you: choose one of your own.', 'login.differ': 'The two new passwords differ.',
  'login.last': 'Last log-in {when} from {where}.', 'login.failures': 'Failed attempts since: {n}.',

  'dash.title': 'Overview', 'dash.services': 'Services', 'dash.partners': 'Partners', 'dash.sessions': 'Clients logged in', 'dash.certificates': 'Certificates',
  'dash.alarms': 'Alarms', 'dash.traffic': 'Traffic', 'dash.running': '{n} of {m} running', 'dash.version': 'Version', 'dash.uptime': 'Up for', 'dash.generation': 'Generation',
  'dash.connected': '{n} connected', 'dash.days': '{n} days left', 'dash.expired': 'Expired', 'dash.noalarms': 'No alarms.', 'dash.persecond': 'per second',
  'dash.allwell': 'Everything is running.', 'dash.trouble': '{n} services are not running.', 'dash.nopartners': 'No partner has been met yet.',
  'dash.nocertificates': 'No certificate yet. The certificate page makes or imports one.', 'dash.counters': 'Counters', 'dash.restarts': 'Restarts', 'dash.collecting': 'Collecting figures',

  'conf.title': 'Configuration', 'conf.lead': 'Changes go into your candidate. Nothing runs until you commit.', 'conf.filter': 'Find a setting', 'conf.add': 'Add', 'conf.add.key': 'Name or domain',
  'conf.set': 'Set', 'conf.default': 'Default', 'conf.unset': 'Not set', 'conf.reset': 'Back to default', 'conf.remove': 'Remove', 'conf.save': 'Save to candidate', 'conf.edit': 'Edit',
  'conf.live': 'Takes effect live', 'conf.restart': 'Restarts its programs', 'conf.changed': 'Changed', 'conf.range': 'Range', 'conf.upload': 'Read from a file', 'conf.saved': 'In your candidate.', 'conf.customised': '{n} set',
  'conf.on': 'On', 'conf.off': 'Off', 'conf.nomatch': 'No setting fits.', 'conf.sections': 'Sections', 'conf.secret': 'Set; not shown', 'conf.removekey': 'Remove {key} and all its settings',

  'commit.pending.one': '1 change waits in your candidate', 'commit.pending': '{n} changes wait in your candidate', 'commit.review': 'Review and commit', 'commit.title': 'Review changes', 'commit.before': 'Before', 'commit.after': 'After',
  'commit.setting': 'Setting', 'commit.check': 'Check', 'commit.checked': 'The check found nothing wrong.', 'commit.commit': 'Commit', 'commit.confirm': 'Commit on trial', 'commit.confirm.help': 'Goes back by itself unless you confirm in time: safe for changes that could cut you off.',
  'commit.minutes': 'Minutes to confirm', 'commit.discard': 'Discard all', 'commit.done': 'Committed. It runs now.', 'commit.trial': 'The last commit is on trial: it goes back by itself unless you keep it.', 'commit.keep': 'Keep it', 'commit.back': 'Go back now', 'commit.empty': 'Your candidate is the same as what runs.',

  'fed.title': 'Federation', 'fed.lead': 'Partners that this box talks to, and why one does not answer.', 'fed.check': 'Check a partner', 'fed.domain': 'Domain', 'fed.run': 'Check', 'fed.running': 'Checking step by step', 'fed.allow': 'Allow a partner', 'fed.allow.button': 'Allow', 'fed.allowed': 'It is in your candidate: review and commit.',
  'fed.partners': 'Partners now', 'fed.sip': 'SIP partners', 'fed.stop': 'Stop',

  'cert.title': 'Certificates', 'cert.lead': 'A private key never leaves the box. Make one, let an authority sign the request, and import the answer.', 'cert.list': 'Certificates', 'cert.keys': 'Keys', 'cert.wizard': 'New certificate', 'cert.step': 'Step {n} of 3', 'cert.step1': 'Key', 'cert.step2': 'Request', 'cert.step3': 'Certificate', 'cert.name': 'Name of the certificate',
  'cert.type': 'Kind of key', 'cert.make': 'Make the key', 'cert.havekey': 'The key is there already', 'cert.domains': 'Domains, with spaces between', 'cert.csr': 'Make the request', 'cert.selfsigned': 'Self-signed instead', 'cert.csr.help': 'Send this request to your authority. When its certificate is there, go on.', 'cert.next': 'Next', 'cert.pem': 'Certificate and chain (PEM)', 'cert.import': 'Import', 'cert.imported': 'The certificate is in your candidate: review and commit.', 'cert.download': 'Download',

  'users.title': 'Users', 'users.lead': 'Accounts for chat clients of this box. Operators have accounts of their own.', 'users.add': 'Add a user', 'users.jid': 'Address', 'users.password': 'Password', 'users.passwd': 'Set password', 'users.delete': 'Delete', 'users.delete.sure': 'Delete {jid} and all that belongs to it? This cannot be undone.', 'users.added': 'The account is made.', 'users.changed': 'The password is set.', 'users.deleted': 'The account is deleted.',

  'hist.title': 'History', 'hist.lead': 'Every commit is a generation. An old one can be put into your candidate.', 'hist.rollback': 'Put into candidate', 'hist.rolled': 'It is in your candidate: review and commit.', 'hist.save': 'Download settings', 'hist.load': 'Load settings from a file', 'hist.loaded': 'It is in your candidate: review and commit.',

  'cmd.title': 'All commands', 'cmd.lead': 'Everything that ghsh can do and your role allows, each with a form of its own.', 'cmd.run': 'Run', 'cmd.filter': 'Find a command', 'cmd.result': 'Result', 'cmd.ok': 'Done.', 'cmd.optional': 'optional', 'cmd.file': 'File', 'cmd.stop': 'Stop', 'cmd.several': 'several, with spaces between', 'cmd.nomatch': 'No command fits.', 'cmd.live': 'Follow live', 'cmd.sure': 'Run this command?', 'cmd.danger': 'This changes or ends something at once.', 'cmd.download': 'Save as file',

  'log.filter': 'Only lines with', 'log.pause': 'Pause', 'log.go': 'Go on', 'log.live': 'Live',
};
