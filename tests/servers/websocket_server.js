// A server of WebSockets: node websocket_server.js PORT. It makes the handshake itself (RFC 6455,
// section 4.2.2), so that it can also make it wrong, and prints the frame that the client leaves with
// and how the connection ends.

const http = require("node:http");
const { createHash } = require("node:crypto");

const SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const server = http.createServer((request, response) => {
  if (request.url === "/old") return response.writeHead(302, { location: "/" }).end();
  response.writeHead(200).end("a page");
});

// What is wrong with the answer for a path, in place of what is right.
const faults = {
  "/accept": { "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" },
  "/no-accept": { "Sec-WebSocket-Accept": null },
  "/upgrade": { Upgrade: "h2c" },
  "/no-upgrade": { Upgrade: null },
  "/connection": { Connection: "keep-alive" },
};

server.on("upgrade", (request, socket) => {
  if (request.headers.upgrade !== "websocket" || request.headers["sec-websocket-version"] !== "13") return socket.destroy();
  const refusal = { "/401": "401 Unauthorized", "/403": "403 Forbidden", "/400": "400 Bad Request" }[request.url];
  if (refusal) return socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 3\r\n\r\nno\n`);
  if (request.url === "/old") return socket.end("HTTP/1.1 302 Found\r\nLocation: /new\r\nContent-Length: 0\r\n\r\n");
  const key = request.headers["sec-websocket-key"];
  const lines = {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Accept": createHash("sha1").update(key + SUFFIX).digest("base64"),
    "Sec-WebSocket-Protocol": request.headers["sec-websocket-protocol"] || null,
    ...faults[request.url],
  };
  const shown = Object.entries(lines).filter(([, value]) => value !== null);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${shown.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`);
  let received = Buffer.alloc(0);
  socket.on("data", (piece) => {
    received = Buffer.concat([received, piece]);
    if (received.length < 8) return;
    const [first, length, ...mask] = received.subarray(0, 6);
    const status = received.subarray(6, 8).map((byte, at) => byte ^ mask[at]);
    // FIN and opcode 8; MASK and a length of 2. The answer is the same, not masked.
    if (first === 0x88 && length === 0x82) {
      console.log(`close ${(status[0] << 8) | status[1]}, ${received.length} bytes`);
      socket.end(Buffer.from([0x88, 2, ...status]));
    }
  });
  socket.on("error", (error) => console.log(error.code));
});
server.listen(Number(process.argv[2]), "127.0.0.1");
