// What a person does, in Chromium. One line a step: "pass  NAME" or "FAIL  NAME: why".
//   node browser.mjs URL USER FIRST-PASSWORD OWN-PASSWORD [FOLDER FOR SCREENSHOTS]
import { mkdirSync, statSync } from 'node:fs';
import { chromium } from 'playwright-core';

const [url, user, first, own, shots] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
let failed = 0;
const complaints = [];

async function open(options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-GB', viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15000);
  // A refused log-in is an answer of 401, which Chromium writes down; anything else is a fault of ours.
  page.on('console', (m) => { if (['error', 'warning'].includes(m.type()) && !/status of 4(01|22|04|03)/.test(m.text())) complaints.push(m.text()); });
  page.on('pageerror', (e) => complaints.push(String(e)));
  return page;
}
async function step(name, what) {
  try {
    await what();
    console.log(`pass  ${name}`);
  } catch (e) {
    failed++;
    console.log(`FAIL  ${name}: ${String(e.message).split('\n').slice(0, 12).join(' / ')}`);
  }
}
function check(is, why) {
  if (!is) throw new Error(why);
}
async function shoot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}
async function logIn(page, password) {
  await page.goto(url);
  await page.getByLabel(/^(Name|名前)$/).fill(user);
  await page.getByLabel(/^(Password|パスワード)$/).fill(password);
  await page.keyboard.press('Enter');
}

/** Contrast of every text that is seen against what is behind it (WCAG 2.2, 1.4.3), and names of controls. */
const audit = () => {
  const rgb = (s) => { const m = s.match(/[\d.]+/g).map(Number); return { c: m.slice(0, 3), a: m[3] ?? 1 }; };
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (let x = e; x; x = x.parentElement) { const b = rgb(getComputedStyle(x).backgroundColor); if (b.a > 0.99) return b.c; } return [255, 255, 255]; };
  const out = [];
  for (const e of document.querySelectorAll('body *')) {
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    const style = getComputedStyle(e), box = e.getBoundingClientRect();
    if (text && box.width > 1 && box.height > 1 && style.visibility === 'visible' && !e.closest(':disabled, .hidden, noscript, svg, option')) {
      const a = light(rgb(style.color).c), b = light(behind(e));
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const isLarge = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && +style.fontWeight >= 700);
      if (ratio < (isLarge ? 3 : 4.5)) out.push(`contrast ${ratio.toFixed(2)}: ${e.textContent.trim().slice(0, 40)}`);
    }
  }
  for (const e of document.querySelectorAll('input:not([type=file]), select, textarea, button, a[href]')) {
    const name = e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent || e.title;
    if (!name.trim() && e.getBoundingClientRect().width > 0) out.push(`no name: ${e.outerHTML.slice(0, 80)}`);
  }
  if (document.querySelectorAll('h1').length !== 1) out.push(`${document.querySelectorAll('h1').length} headings of the first rank`);
  const over = document.documentElement.scrollWidth - innerWidth;
  if (over > 0) out.push(`wider than the screen by ${over}`);
  return out;
};

const page = await open();
await step('a wrong password is told, and nothing else', async () => {
  await logIn(page, 'wrong-password');
  await page.getByRole('alert').filter({ hasText: 'wrong name' }).waitFor();
});
await step('the first log-in asks for a password of one\'s own', async () => {
  await logIn(page, first);
  await page.getByLabel('New password', { exact: true }).fill(own);
  await page.getByLabel('New password, again').fill(own + 'x');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('The two new passwords differ').waitFor();
  await page.getByLabel('New password, again').fill(own);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('link', { name: 'Overview' }).waitFor();
});
await step('the overview shows services and certificates', async () => {
  await page.getByText('Everything is running.').waitFor();
  await page.getByText(/days left/).first().waitFor();
});
await step('a reload keeps the session, a page has its own address', async () => {
  await page.goto(url + '/configuration/log');
  await page.getByRole('heading', { name: 'Configuration' }).waitFor();
});
await step('a setting is changed, reviewed, checked and committed by keyboard', async () => {
  await page.getByRole('button', { name: 'Edit: log level' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('combobox', { name: 'Log level' }).selectOption('debug');
  await page.getByRole('button', { name: 'Save to candidate' }).press('Enter');
  await page.getByText('1 change waits in your candidate').waitFor();
  await page.getByText('Changed').waitFor();
  await page.getByRole('button', { name: 'Review and commit' }).press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.getByText('log level').waitFor();
  await shoot(page, 'review');
  await dialog.getByRole('button', { name: 'Check' }).click();
  await dialog.getByText(/nothing wrong|not|no /).first().waitFor();
  await dialog.getByRole('button', { name: 'Commit', exact: true }).click();
  await dialog.getByText('Committed. It runs now.').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  check(await page.getByText('waits in your candidate').count() === 0, 'the candidate is not empty');
});
await step('a bad value is refused where it was typed', async () => {
  await page.goto(url + '/configuration/web');
  await page.getByRole('button', { name: 'Edit: web certificate' }).click();
  await page.getByRole('textbox', { name: 'Web certificate' }).fill('x'.repeat(80));
  await page.getByRole('button', { name: 'Save to candidate' }).click();
  await page.getByRole('alert').filter({ hasText: 'web certificate' }).waitFor();
});
await step('a row with a name of one\'s choice is added', async () => {
  await page.goto(url + '/configuration/federation');
  await page.getByRole('textbox', { name: 'Name or domain: federation peer' }).fill('partner.example');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Edit: federation peer partner.example action' }).click();
  await page.getByRole('button', { name: 'Cancel' }).click();
});
await step('federation: allowing a partner, checking one step by step', async () => {
  await page.goto(url + '/federation');
  const allow = page.locator('.card', { hasText: 'Allow a partner' }).last();
  await allow.getByLabel('Domain').fill('partner.example');
  await allow.getByRole('button', { name: 'Allow' }).click();
  await allow.getByText('It is in your candidate').waitFor();
  const card = page.locator('.card', { hasText: 'Check a partner' }).first();
  await card.getByLabel('Domain').fill('partner.example');
  await card.getByRole('button', { name: 'Check' }).click();
  await card.locator('table, .facts').first().waitFor();
});
await step('users: added and deleted', async () => {
  await page.goto(url + '/users');
  await page.getByLabel('Address').fill('ann@web.example');
  await page.getByLabel('Password').fill('Secret of ann 1');
  await page.getByRole('button', { name: 'Add' }).click();
  await page.getByText('The account is made.').waitFor();
  await page.getByRole('button', { name: 'Delete: ann@web.example' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByText('The account is deleted.').waitFor();
});
await step('a certificate is made in the wizard', async () => {
  await page.goto(url + '/certificates');
  await page.getByLabel('Name of the certificate').fill('fresh');
  await page.getByRole('button', { name: 'Make the key' }).click();
  await page.getByLabel('Domains').fill('web.example');
  await page.getByRole('button', { name: 'Make the request' }).click();
  await page.getByText('BEGIN CERTIFICATE REQUEST').waitFor();
  await page.getByRole('button', { name: 'Self-signed instead' }).click();
  await page.getByText('The certificate is in your candidate').waitFor();
});
await step('any command has a form', async () => {
  await page.goto(url + '/commands');
  await page.getByRole('searchbox', { name: 'Find a command' }).fill('describe');
  await page.getByText('describe <setting>...').click();
  await page.getByLabel('Setting').fill('log level');
  await page.getByRole('button', { name: 'Run' }).click();
  await page.getByText('Least severe level').last().waitFor();
});
await step('operators have a page out of the command table', async () => {
  await page.goto(url + '/operators');
  await page.getByText(user).first().waitFor();
});
await step('a backup is made, kept by the browser, and read back in pieces', async () => {
  await page.goto(`${url}/backup`);
  const form = (command) => page.locator('details').filter({ has: page.getByText(command, { exact: true }) });
  const save = form('backup save <password>');
  await save.locator('summary').click();
  await save.getByLabel('Password').fill('correct horse battery');
  const [made] = await Promise.all([page.waitForEvent('download'), save.getByRole('button', { name: 'Run' }).click()]);
  check(/^gatehouse-.*\.backup$/.test(made.suggestedFilename()), made.suggestedFilename());
  const path = await made.path();
  check(statSync(path).size > 1024, 'the file is too short');
  const show = form('backup show <backup-file>');
  if (!await show.getAttribute('open').then((x) => x !== null)) await show.locator('summary').click();
  await show.locator('input[type=file]').setInputFiles(path);
  await show.getByRole('button', { name: 'Run' }).click();
  await show.locator('table').waitFor();
});
await step('the candidate is discarded', async () => {
  await page.getByRole('button', { name: 'Review and commit' }).click();
  await page.getByRole('button', { name: 'Discard all' }).click();
  await page.getByText('waits in your candidate').waitFor({ state: 'detached' });
  await page.getByText('wait in your candidate').waitFor({ state: 'detached' });
});
const kept = await page.context().storageState();
const places = ['', 'configuration/federation', 'federation', 'certificates', 'users', 'operators', 'logs', 'history', 'commands'];
for (const [name, options] of [['en', {}], ['ja', { locale: 'ja-JP' }], ['en-dark', { colorScheme: 'dark' }], ['ja-phone', { locale: 'ja-JP', viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }]]) {
  await step(`every page is readable and in order: ${name}`, async () => {
    const p = await open({ ...options, storageState: kept });
    for (const place of places) {
      await p.goto(`${url}/${place}`);
      await p.locator('main h1').waitFor();
      await p.locator('.loading').first().waitFor({ state: 'detached' });
      await shoot(p, `${name}-${place.replace('/', '-') || 'overview'}`);
      const found = await p.evaluate(audit);
      check(!found.length, `${place}: ${[...new Set(found)].slice(0, 6).join('; ')}`);
    }
    check(await p.evaluate(() => document.documentElement.lang) === name.slice(0, 2), 'the language is not said');
    await p.context().close();
  });
}
await step('on a phone the menu opens, and leads', async () => {
  const p = await open({ storageState: kept, viewport: { width: 390, height: 844 } });
  await p.goto(url);
  await p.getByRole('button', { name: 'Menu' }).click();
  await p.getByRole('link', { name: 'History' }).click();
  await p.getByRole('heading', { name: 'History' }).waitFor();
  await p.context().close();
});
await step('logging out ends the session', async () => {
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await shoot(page, 'login');
  const found = await page.evaluate(audit);
  check(!found.length, found.join('; '));
  await page.goto(url + '/users');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
});
await step('the browser has nothing to complain of', async () => check(!complaints.length, complaints.slice(0, 5).join(' / ')));
await browser.close();
process.exit(failed ? 1 : 0);
