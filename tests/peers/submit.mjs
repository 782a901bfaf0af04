// Submission by nodemailer. Arguments: NODE_MODULES CERTIFICATE STARTTLS_PORT IMPLICIT_PORT PASSWORD.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [modules, certificate, starttls, implicit, password] = process.argv.slice(2);
const nodemailer = createRequire(modules + "/")("nodemailer");
const tls = { ca: readFileSync(certificate), servername: "mx.example.com" };

for (const [name, port, secure, method] of [
  ["STARTTLS PLAIN", starttls, false, "PLAIN"],
  ["STARTTLS LOGIN", starttls, false, "LOGIN"],
  ["implicit TLS", implicit, true, undefined],
]) {
  const transport = nodemailer.createTransport({
    host: "127.0.0.1",
    port: Number(port),
    secure,
    requireTLS: true,
    authMethod: method,
    auth: { user: "alice@example.com", pass: password },
    tls,
  });
  const sent = await transport.sendMail({
    from: "alice@example.com",
    to: "bob@example.com",
    subject: `nodemailer ${name}`,
    text: "Grüße\n.\n..dots\n",
    attachments: [{ filename: "bytes.bin", content: Buffer.alloc(200_000, 7) }],
  });
  if (!sent.response.startsWith("250")) throw new Error(sent.response);
  transport.close();
  console.log(name);
}
