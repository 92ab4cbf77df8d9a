// A person with Converse.js in Chromium, who knows a domain alone: host-meta says where (XEP-0156). Arguments: domain, user, password, whom
// to talk to, a folder for the browser, where private addresses count as public ones, and a text to send as a file, or nothing. Opens a chat,
// says "hello", waits until an answer is to be read on the page, uploads the file and waits for "got it". Prints what it asked for.
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [domain, user, password, to, home, addresses, text] = process.argv.slice(2);
const root = new URL("node_modules/converse.js/dist/", import.meta.url);
const kinds = { css: "text/css", js: "text/javascript", json: "application/json", svg: "image/svg+xml", wasm: "application/wasm" };
const PAGE = `<!doctype html><html><head><meta charset="utf-8"><link rel="stylesheet" href="/dist/converse.min.css">
<script type="module">import converse from "/dist/converse.min.js"; window.converse ??= converse;</script></head><body></body></html>`;

const context = await chromium.launchPersistentContext(home, {
  executablePath: "/usr/bin/chromium",
  // To Chromium private addresses are another world, which pages of the Internet may not ask.
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", `--ip-address-space-overrides=${addresses}`],
  ignoreHTTPSErrors: true,
});
const page = await context.newPage();
page.setDefaultTimeout(90000);
const asked = [];
page.on("websocket", (w) => asked.push(w.url()));
page.on("request", (r) => {
  if (r.url().startsWith(`https://${domain}`)) asked.push(r.url());
});
page.on("console", (m) => {
  if (m.type() === "error") console.error(m.text().slice(0, 200));
});
await page.route("https://page.example/**", (route) => {
  const path = new URL(route.request().url()).pathname;
  if (path === "/") return route.fulfill({ contentType: "text/html", body: PAGE });
  try {
    const body = readFileSync(new URL(path.replace("/dist/", ""), root));
    return route.fulfill({ contentType: kinds[path.split(".").pop()] ?? "application/octet-stream", body });
  } catch {
    return route.fulfill({ status: 404 });
  }
});
await page.goto("https://page.example/");
await page.waitForFunction(() => window.converse?.initialize);
await page.evaluate(
  ([domain, user, password]) => {
    window.ready = new Promise((resolve) => {
      window.converse.plugins.add("outside", {
        initialize() {
          window.api = this._converse.api;
          window.api.listen.on("connected", resolve);
          window.api.listen.on("will-reconnect", () => {
            // By itself it asks host-meta again, and takes the same way as before.
            window.api.settings.set("discover_connection_methods", false);
            window.api.settings.set("websocket_url", undefined);
            const connection = window.api.connection.get();
            connection.service = window.api.settings.get("bosh_service_url");
            connection.setProtocol();
          });
        },
      });
    });
    window.converse.initialize({
      assets_path: "https://page.example/dist/",
      authentication: "login",
      auto_login: true,
      discover_connection_methods: true,
      i18n: "en",
      jid: `${user}@${domain}`,
      loglevel: "error",
      password,
      play_sounds: false,
      show_desktop_notifications: false,
      theme: "default",
      view_mode: "fullscreen",
      whitelisted_plugins: ["outside"],
    });
  },
  [domain, user, password],
);
await page.evaluate(() => window.ready);
await page.evaluate(async (to) => (await window.api.chats.open(to, {}, true)).sendMessage({ body: "hello" }), to);
await page.locator(".chat-msg__text").getByText("and back").waitFor();
if (text) {
  await page.evaluate(
    async ([to, text]) => {
      const chat = await window.api.chats.get(to);
      await chat.sendFiles([new File([text], "note.txt", { type: "text/plain" })]);
    },
    [to, text],
  );
  await page.locator(".chat-msg__text").getByText("got it").waitFor();
}
console.log(JSON.stringify({ asked: [...new Set(asked)] }));
await context.close();
