// A small HTTP service. GET /healthz reports its health. POST /break and POST /heal only serve to
// demonstrate a failing health check.
"use strict";
const http = require("node:http");

let up = true;

const server = http.createServer((request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(JSON.stringify(body));
  };
  switch (`${request.method} ${request.url}`) {
    case "GET /":
      return answer(200, { hello: "world" });
    case "GET /healthz":
      // 200 in both cases, as in many frameworks: only the field differs.
      return answer(200, up ? { status: "UP" } : { status: "DOWN", db: "no connection" });
    case "POST /break":
      up = false;
      return answer(200, { up });
    case "POST /heal":
      up = true;
      return answer(200, { up });
    default:
      return answer(404, { error: "not found" });
  }
});

server.listen(Number(process.env.PORT ?? 8080));
// For the first process of a container, SIGTERM has no default action.
process.on("SIGTERM", () => server.close(() => process.exit(0)));
