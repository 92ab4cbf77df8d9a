// A login with @xmpp/client, by the token in its last argument or by password. Arguments: address, domain, user, password, token
// (JSON, null none). Prints the address it got and the token it holds.
import { webcrypto } from "node:crypto";
import { client, xml } from "@xmpp/client";

globalThis.crypto ??= webcrypto; // Debian's Node 18 has it elsewhere
const [address, domain, username, password, tokenText] = process.argv.slice(2);
let token = JSON.parse(tokenText);

const xmpp = client({
  service: `xmpp://${address}:5222`,
  domain,
  username,
  password,
  userAgent: xml("user-agent", { id: "d4565fa7-4d72-4749-b3d3-740edbf87770" }, [
    xml("software", {}, "xmpp.js"),
    xml("device", {}, "peer test"),
  ]),
});
xmpp.fast.fetchToken = async () => token;
xmpp.fast.saveToken = async (t) => {
  token = t;
};
xmpp.fast.deleteToken = async () => {
  token = null;
};
xmpp.on("error", (e) => {
  console.error(e.stack);
  process.exitCode = 1;
});
xmpp.reconnect.stop();
// It listens for the answer to its header only when the kernel has taken the header, and misses an answer that is quicker.
const write = xmpp.write.bind(xmpp);
xmpp.write = async (text) => void write(text).catch((e) => xmpp.emit("error", e));
const jid = await xmpp.start();
await xmpp.stop();
console.log(JSON.stringify({ jid: jid.toString(), token }));
process.exit();
