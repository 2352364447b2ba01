// A small HTTP service. GET /healthz reports its health. POST /break and POST /heal only serve to
// demonstrate a failing health check.
package main

import (
	"log"
	"net/http"
	"os"
	"sync/atomic"
)

func main() {
	var broken atomic.Bool
	http.HandleFunc("/healthz", func(answer http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			http.Error(answer, "db: no connection", http.StatusServiceUnavailable)
			return
		}
		answer.Write([]byte("ok\n"))
	})
	set := func(value bool) http.HandlerFunc {
		return func(answer http.ResponseWriter, request *http.Request) {
			if request.Method != http.MethodPost {
				http.Error(answer, "POST it", http.StatusMethodNotAllowed)
				return
			}
			broken.Store(value)
			answer.Write([]byte("done\n"))
		}
	}
	http.HandleFunc("/break", set(true))
	http.HandleFunc("/heal", set(false))
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	log.Fatal(http.ListenAndServe(":"+port, nil))
}
