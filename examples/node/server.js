// A small HTTP service. GET /healthz says how it is; POST /break and POST /heal are there to see what a failing health
// check looks like, and no part of a service of yours.
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
      // 200 either way, as many frameworks have it: the field is what tells.
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
// The first process of a container has no default for SIGTERM.
process.on("SIGTERM", () => server.close(() => process.exit(0)));
