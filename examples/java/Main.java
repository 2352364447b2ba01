import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;

/**
 * A small HTTP service. GET /health reports its health, in the format of Spring Boot's actuator and of
 * MicroProfile. POST /break and POST /heal only serve to demonstrate a failing health check.
 */
public final class Main {
    private static volatile boolean up = true;

    public static void main(String[] arguments) throws IOException {
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"));
        HttpServer server = HttpServer.create(new InetSocketAddress(port), 0);
        server.setExecutor(Executors.newFixedThreadPool(4));
        server.createContext("/", Main::serve);
        server.start();
    }

    private static void serve(HttpExchange exchange) throws IOException {
        String request = exchange.getRequestMethod() + " " + exchange.getRequestURI().getPath();
        switch (request) {
            case "GET /" -> answer(exchange, 200, "{\"hello\":\"world\"}");
            case "GET /health" -> {
                if (up) {
                    answer(exchange, 200, "{\"status\":\"UP\"}");
                } else {
                    answer(exchange, 503, "{\"status\":\"DOWN\",\"components\":{\"db\":{\"status\":\"DOWN\"}}}");
                }
            }
            case "POST /break", "POST /heal" -> {
                up = request.endsWith("heal");
                answer(exchange, 200, "{\"up\":" + up + "}");
            }
            default -> answer(exchange, 404, "{\"error\":\"not found\"}");
        }
    }

    private static void answer(HttpExchange exchange, int status, String json) throws IOException {
        byte[] body = json.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }
}
