// A person with @xmpp/client, who knows a domain alone. Arguments: domain, user, password, and whom to talk to.
// Logs in, says "hello", waits for an answer; then its connection breaks off, and it comes back by its token (FAST): it has forgotten the
// password by then. Says "again" and waits for an answer to that. Prints what it heard.
import { client, xml } from "@xmpp/client";

const [domain, username, password, to] = process.argv.slice(2);
const credentials = { username, password };
const agent = xml("user-agent", { id: "d4565fa7-4d72-4749-b3d3-740edbf87771" }, [
  xml("software", {}, "xmpp.js"),
  xml("device", {}, "outside"),
]);
const xmpp = client({ service: domain, domain, username, password, credentials, userAgent: agent });
xmpp.on("error", (e) => console.error(e));

function answer() {
  return new Promise((resolve) => {
    const look = (stanza) => {
      if (!stanza.is("message") || !stanza.getChildText("body")) return;
      xmpp.off("stanza", look);
      resolve(stanza.getChildText("body"));
    };
    xmpp.on("stanza", look);
  });
}
async function talk(text) {
  const got = answer();
  await xmpp.send(xml("presence"));
  await xmpp.send(xml("message", { to, type: "chat" }, xml("body", {}, text)));
  return got;
}

function online() {
  return new Promise((resolve) => {
    xmpp.once("online", resolve);
    xmpp.streamManagement.once("resumed", resolve);
  });
}

// It listens for the answer to its header when the header is written: a server that is quicker makes it wait for nothing beside a login
// that works, for so long.
xmpp.timeout = 120000;
xmpp.start().catch((e) => console.error(e));
await online();
const heard = [await talk("hello")];
credentials.password = "not the password";
const back = online();
const socket = xmpp.socket.socket; // of Node, or a WebSocket
if (socket.destroy) socket.destroy();
else socket.close();
await back;
heard.push(await talk("again"));
console.log(JSON.stringify({ heard }));
process.exit();
