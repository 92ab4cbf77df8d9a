// A SIP client by WebSocket (JsSIP, RFC 7118): registers, says hello, answers once what it is told, and leaves. Arguments: URL, domain,
// user, password, whom to say it to. Prints what it heard. node --experimental-websocket.
import JsSIP from "jssip";

const [url, domain, user, password, to] = process.argv.slice(2);
const socket = new JsSIP.WebSocketInterface(url);
const ua = new JsSIP.UA({ sockets: [socket], uri: `sip:${user}@${domain}`, password, register_expires: 600, user_agent: "JsSIP peer test" });
const heard = [];
const failed = (what) => (e) => {
  console.error(what, e.cause ?? e.reason ?? "");
  process.exit(1);
};
const say = (text) =>
  new Promise((resolve) => ua.sendMessage(to, text, { contentType: "text/plain", eventHandlers: { succeeded: resolve, failed: failed(text) } }));

ua.on("registrationFailed", failed("registration"));
ua.on("registered", async () => {
  if (heard.registered) return;
  heard.registered = true;
  await say("hello by WebSocket");
});
ua.on("newMessage", async ({ originator, message, request }) => {
  if (originator !== "remote") return;
  message.accept();
  heard.push(request.body);
  await say("and back");
  ua.on("unregistered", () => {
    console.log(JSON.stringify({ heard, gruu: String(ua.contact.pub_gruu ?? "") }));
    process.exit();
  });
  ua.unregister();
});
ua.start();
