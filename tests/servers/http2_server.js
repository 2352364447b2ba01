// An HTTP/2 server: node http2_server.js PORT [CERTIFICATE KEY]. It prints how each session ends:
// the error codes of what the client sends, and the errors that Node.js reports.

const http2 = require("node:http2");
const { readFileSync } = require("node:fs");

const [port, certificate, key] = process.argv.slice(2);
const LARGE = Buffer.alloc(3 << 20, "x");

const routes = {
  "/health": (stream) => reply(stream, { "content-type": "application/json" }, '{"status":"UP"}'),
  "/large": (stream) => reply(stream, {}, LARGE),
  "/old": (stream) => reply(stream, { ":status": 302, location: "/health" }, ""),
  "/broken": (stream) => reply(stream, { ":status": 503 }, "no \x1b[31mbackend"),
  // What was received.
  "/echo": (stream, headers) => {
    const body = [];
    stream.on("data", (piece) => body.push(piece));
    stream.on("end", () => reply(stream, {}, JSON.stringify({ headers, body: Buffer.concat(body).toString() })));
  },
  // Interim responses, and trailers.
  "/early": (stream) => {
    stream.additionalHeaders({ ":status": 103, link: "</style.css>" });
    stream.additionalHeaders({ ":status": 102 });
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-sum": "1" }));
    stream.end("done");
  },
  // A server that shuts down answers first.
  "/leaving": (stream) => {
    reply(stream, {}, "bye");
    stream.session.close();
  },
  "/calm": (stream) => stream.session.goaway(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from("slow down")),
  "/reset": (stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR),
  "/half": (stream) => {
    stream.respond({ ":status": 200, "content-length": 10 });
    stream.write("half", () => stream.close(http2.constants.NGHTTP2_CANCEL));
  },
  "/never": () => {},
};

function reply(stream, headers, body) {
  stream.respond({ ":status": 200, "content-length": Buffer.byteLength(body), ...headers });
  stream.end(body);
}

const server = certificate
  ? http2.createSecureServer({ cert: readFileSync(certificate), key: readFileSync(key) })
  : http2.createServer();
server.on("session", (session) => {
  const events = [];
  let streams = 0;
  session.on("goaway", (code) => events.push(`goaway ${code}`));
  session.on("error", (error) => events.push(`error ${error.code}`));
  session.on("frameError", (type, code) => events.push(`frame ${type} ${code}`));
  session.on("stream", (stream) => {
    streams += 1;
    stream.on("aborted", () => events.push("aborted"));
    stream.on("error", (error) => events.push(`stream ${error.code}`));
  });
  session.on("close", () => streams > 0 && console.log(events.join(", ") || "closed"));
});
server.on("sessionError", () => {});
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  const route = routes[headers[":path"].split("?")[0]];
  if (!route) return reply(stream, { ":status": 404 }, "");
  if (headers[":method"] === "HEAD") return stream.respond({ ":status": 200 }, { endStream: true });
  route(stream, headers);
});
server.listen(port, "127.0.0.1");
